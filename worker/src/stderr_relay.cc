#include "stderr_relay.h"

#include <utility>

#include "cli/log.h"

namespace wq::internal {
namespace {

// What is longer becomes several lines.
constexpr std::size_t kLongestLine = std::size_t{64} << 10U;

// Where to cut: no more than the longest line, and not within a UTF-8 character.
std::size_t cut_of(std::string_view line) {
  const auto continues = [&line](std::size_t at) {
    return (static_cast<unsigned char>(line[at]) & 0xc0U) == 0x80U;
  };
  std::size_t cut = kLongestLine;
  for (int back = 0; back < 3 && continues(cut); ++back) --cut;
  return continues(cut) ? kLongestLine : cut;
}

}  // namespace

void StderrRelay::add(std::string_view bytes) {
  if (from_.mode == StderrMode::raw) {
    cli::pass_on_raw(bytes);
    return;
  }
  const std::size_t whole = bytes.rfind('\n') + 1;
  std::string lines;
  if (whole > 0) lines = std::exchange(begun_, {}).append(bytes.substr(0, whole));
  begun_ += bytes.substr(whole);
  while (begun_.size() > kLongestLine) {
    const std::size_t cut = cut_of(begun_);
    lines.append(begun_, 0, cut) += '\n';
    begun_.erase(0, cut);
  }
  if (!lines.empty()) cli::pass_on({from_.slot, from_.item}, lines);
}

void StderrRelay::end() {
  if (!begun_.empty()) add("\n");
}

}  // namespace wq::internal
