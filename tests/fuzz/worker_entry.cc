// Entries of the hash of workers, which anybody may have written: a worker counts as alive if and
// only if its entry is JSON with a sign of life of the last ten minutes.

#include <limits>
#include <string>

#include <fmt/format.h>

#include "fuzz/fuzz.h"
#include "maintenance/heartbeat.h"

namespace wq::fuzz {
namespace {

constexpr std::int64_t kDeadAfterMs = 10 * 60 * 1'000;

void exact(std::int64_t seen_ms, std::int64_t server_ms) {
  const std::string entry = fmt::format(R"({{"label":"x","seen_ms":{}}})", seen_ms);
  // Any two numbers have a difference there, and a small one is exact.
  const long double age = static_cast<long double>(server_ms) - static_cast<long double>(seen_ms);
  require(internal::is_alive(entry, server_ms) == (age < kDeadAfterMs),
          "an entry is alive for ten minutes");
}

void any_text(std::string_view entry, std::int64_t server_ms) {
  if (!internal::is_alive(entry, server_ms)) return;
  require(entry.find('{') != std::string_view::npos, "what is no object is not alive");
}

}  // namespace
}  // namespace wq::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  wq::fuzz::Bytes bytes(data, size);
  const bool is_text = bytes.byte() == 't';
  const auto server_ms = static_cast<std::int64_t>(bytes.number());
  if (is_text) {
    wq::fuzz::any_text(bytes.rest(), server_ms);
  } else {
    wq::fuzz::exact(static_cast<std::int64_t>(bytes.number()), server_ms);
  }
  return 0;
}
