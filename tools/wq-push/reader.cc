#include "wq-push/reader.h"

#include <fmt/format.h>

#include "cli/log.h"
#include "cli/options.h"

namespace wq::push {

namespace {

constexpr std::size_t kLargeItemBytes = 1024 * 1024;

}  // namespace

bool Reader::next(std::string& item) {
  skip(item);
  if (!source_.next(item)) return false;
  if (item.size() > options_.source.max_item_bytes) {
    throw ItemTooLarge(source_.position(), options_.source.max_item_bytes);
  }
  hint(item);
  ++given_;
  return true;
}

void Reader::skip(std::string& item) {
  for (; skipped_ < options_.skip; ++skipped_) {
    if (!source_.next(item)) {
      throw cli::UsageError(
          fmt::format("--skip {}: the input has only {} items", options_.skip, skipped_));
    }
  }
}

void Reader::hint(const std::string& item) {
  if (!hinted_size_ && item.size() >= kLargeItemBytes) {
    hinted_size_ = true;
    cli::log(LogLevel::warning,
             fmt::format("{}: an item of {} bytes; Redis keeps all items in memory, so push a "
                         "reference (a file, a URL) instead of the data",
                         source_.position(), item.size()));
  }
  const SourceOptions& source = options_.source;
  const bool lines = source.records == Records::lines && !source.each_file && !source.json_lines &&
                     source.keys.empty() && source.stream.empty();
  if (!hinted_cr_ && lines && item.ends_with('\r')) {
    hinted_cr_ = true;
    cli::log(LogLevel::warning,
             fmt::format("{}: the item ends with a CR, as lines from Windows do; the CR is kept",
                         source_.position()));
  }
}

}  // namespace wq::push
