// Items through the reader of wq-push: every byte of what is a list of items comes out, wherever
// the buffer ends.

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/log.h"
#include "cli/options.h"
#include "fuzz/fuzz.h"
#include "wq-push/input_kind.h"
#include "wq-push/reader.h"
#include "wq-push/record_source.h"

namespace wq::fuzz {
namespace {

// What Input reads at a time; records are placed around its end.
constexpr std::size_t kBuffer = 64 * 1024;
constexpr std::uint64_t kNoLimit = 16 * 1024 * 1024;

/// A file in memory that can be opened by its path.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view content) : fd_(::memfd_create("records", MFD_CLOEXEC)) {
    while (!content.empty()) {
      const ssize_t written = ::write(fd_, content.data(), content.size());
      require(written > 0, "a file in memory can be written");
      content.remove_prefix(static_cast<std::size_t>(written));
    }
  }
  ~MemoryFile() { ::close(fd_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  [[nodiscard]] std::string path() const { return fmt::format("/proc/self/fd/{}", fd_); }

 private:
  int fd_;
};

struct Read {
  std::vector<std::string> items;
  bool refused = false;
};

Read should_be(std::string_view text, push::Records records) {
  const bool lines = records == push::Records::lines;
  if (lines) {
    if (const auto kind = push::kind_of_input(text)) {
      if (!kind->turn.empty()) return {.items = {}, .refused = true};
      text.remove_prefix(kind->begins.size());
    }
    // What `find -print0` writes.
    if (text.ends_with('\0') && text.find('\n') == std::string_view::npos) {
      return {.items = {}, .refused = true};
    }
  }
  std::vector<std::string> items(1);
  for (const char c : text) {
    if (c == (lines ? '\n' : '\0')) {
      items.emplace_back();
    } else {
      items.back() += c;
    }
  }
  if (items.back().empty()) items.pop_back();
  if (lines) std::erase_if(items, [](const std::string& item) { return item.empty(); });
  return {.items = std::move(items), .refused = false};
}

Read read_all(const std::string& path, const push::PushOptions& options) {
  push::InputWait wait;
  push::RecordSource source(path, options.source.records, options.source.max_item_bytes, wait);
  push::Reader reader(options, source);
  Read read;
  try {
    read.refused = refusal([&] {
                     for (std::string item; reader.next(item);) read.items.push_back(item);
                   }).has_value();
  } catch (const push::InputError&) {  // torn or damaged
    read.refused = true;
  }
  require(reader.given() == read.items.size(), "the reader counts what it gave");
  return read;
}

void look(std::string_view text, push::Records records, std::uint64_t limit, std::uint64_t skip) {
  const MemoryFile file(text);
  const auto kind = push::kind_of_input(text);
  if (kind && kind->compression != push::Compression::none) {
    push::PushOptions options;
    options.source.records = records;
    options.source.max_item_bytes = limit;
    static_cast<void>(read_all(file.path(), options));  // whatever it is: it ends
    return;
  }
  const auto [should, refused] = should_be(text, records);
  push::PushOptions options;
  options.source.records = records;
  options.source.max_item_bytes = kNoLimit;
  const Read all = read_all(file.path(), options);
  require(all.refused == refused, "what is no list of lines is refused");
  require(all.items == should, "every byte that goes in comes out");
  if (refused) return;

  options.skip = skip;
  const Read rest = read_all(file.path(), options);
  require(rest.refused == (skip > should.size()), "more than there is cannot be skipped");
  if (!rest.refused) {
    require(rest.items ==
                std::vector<std::string>(should.begin() + static_cast<long>(skip), should.end()),
            "skipping leaves out the first");
  }

  options.skip = 0;
  options.source.max_item_bytes = limit;
  const Read limited = read_all(file.path(), options);
  const auto large = std::find_if(should.begin(), should.end(),
                                  [&](const std::string& item) { return item.size() > limit; });
  require(limited.refused == (large != should.end()), "an item over the limit is refused");
  require(limited.items == std::vector<std::string>(should.begin(), large),
          "those in front of it come out");
}

}  // namespace
}  // namespace wq::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using wq::push::Records;
  // What the reader remarks on an item is for users.
  static const bool quiet = [] {
    wq::cli::start_log("fuzz", {.level = wq::LogLevel::error}, wq::cli::LogStyle::tool);
    return true;
  }();
  static_cast<void>(quiet);
  wq::fuzz::Bytes bytes(data, size);
  const std::uint8_t mode = bytes.byte();
  const std::size_t skip = bytes.byte() % 8U;
  const std::uint64_t limit = bytes.byte();
  std::string text(bytes.rest());
  if ((mode & 2U) != 0) {
    text.insert(0, wq::fuzz::kBuffer - std::min(text.size(), std::size_t{mode} / 4), 'x');
  }
  wq::fuzz::look(text, (mode & 1U) != 0 ? Records::null_ended : Records::lines, limit, skip);
  return 0;
}
