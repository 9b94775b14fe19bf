#include "wq-push/record_source.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "cli/log.h"
#include "cli/options.h"
#include "cli/units.h"
#include "wq-push/input_kind.h"

namespace wq::push {

RecordSource::RecordSource(const std::string& path, Records records, std::uint64_t max_item_bytes,
                           InputWait& wait)
    : input_(path, wait), records_(records), max_item_bytes_(max_item_bytes) {}

std::string_view RecordSource::read() {
  try {
    return begun_ ? read_plain() : read_begin();
  } catch (const InputError& error) {
    const std::string place = position(number_ + 1);
    if (!decompressor_) throw InputError(fmt::format("cannot read {}: {}", place, error.what()));
    throw InputError(fmt::format("cannot read {}, within the first {} bytes of the file: {}", place,
                                 input_.read_bytes(), error.what()));
  }
}

std::string_view RecordSource::read_begin() {
  begun_ = true;
  read_until_kind_is_known();
  auto kind = kind_of_input(begin_);
  if (kind && kind->compression != Compression::none) {
    decompressor_ = make_decompressor(kind->compression);
    compressed_begin_ = std::exchange(begin_, {});
    compressed_ = compressed_begin_;
    read_until_kind_is_known();
    kind = kind_of_input(begin_);
  }
  if (!kind) return begin_;
  if (records_ == Records::null_ended) {
    cli::log(LogLevel::warning, fmt::format("{}: it looks like {}; with -0 its bytes are pushed "
                                            "unchanged",
                                            input_.name(), kind->is));
    return begin_;
  }
  if (!kind->turn.empty()) {
    throw cli::UsageError(fmt::format("{}: {}", input_.name(), advice(*kind)));
  }
  cli::log(LogLevel::warning, fmt::format("{}: it is {}; the mark is removed from the first item",
                                          input_.name(), kind->is));
  return std::string_view(begin_).substr(kind->begins.size());
}

void RecordSource::read_until_kind_is_known() {
  // A pipe may hand over byte by byte, and who types must not be waited for.
  do {
    const std::string_view part = read_plain();
    if (part.empty()) break;
    begin_.append(part);
  } while (may_begin_a_kind(begin_));
}

std::string_view RecordSource::read_plain() {
  if (!decompressor_) return input_.read();
  while (true) {
    const std::string_view text = decompressor_->next(compressed_);
    if (!text.empty()) return text;
    compressed_ = input_.read();
    if (!compressed_.empty()) continue;
    if (input_.stopped() || decompressor_->complete()) return {};
    throw InputError("the compressed data ends in the middle; is the file complete?");
  }
}

void RecordSource::look_for_zeros(std::string_view item, bool ended) {
  if (hinted_zeros_ || records_ == Records::null_ended) return;
  const auto zeros = static_cast<std::uint64_t>(std::count(item.begin(), item.end(), '\0'));
  if (zeros == 0) return;
  if (!ended && number_ == 1 && item.ends_with('\0')) {
    throw cli::UsageError(
        fmt::format("{}: one line with {}, as find -print0 writes; use -0 for items that end with "
                    "NUL",
                    input_.name(), cli::plural(zeros, "zero byte")));
  }
  hinted_zeros_ = true;
  cli::log(LogLevel::warning,
           fmt::format("{}: an item with {} inside; -0 is for input whose items end with one (find "
                       "-print0), and UTF-16 must be made UTF-8 before (iconv)",
                       position(), cli::plural(zeros, "zero byte")));
}

bool RecordSource::next(std::string& item) {
  const char delimiter = records_ == Records::lines ? '\n' : '\0';
  item.clear();
  while (true) {
    if (unread_.empty()) {
      const bool first = !begun_;
      unread_ = read();
      if (unread_.empty() && first && !begin_.empty()) continue;  // it was a mark and no more
      if (unread_.empty()) {  // the end, or a stop that may have cut an item in two
        if (item.empty() || input_.stopped()) return false;
        ++number_;
        look_for_zeros(item, false);
        return true;
      }
    }
    const std::size_t end = unread_.find(delimiter);
    const std::string_view part = unread_.substr(0, end);
    // Seen while it is read, so that a file without a newline does not fill the memory.
    if (part.size() > max_item_bytes_ - item.size()) {
      throw ItemTooLarge(position(number_ + 1), max_item_bytes_);
    }
    item.append(part);
    if (end == std::string_view::npos) {
      unread_ = {};
      continue;
    }
    unread_.remove_prefix(end + 1);
    ++number_;
    if (item.empty() && records_ == Records::lines) continue;
    look_for_zeros(item, true);
    return true;
  }
}

std::string RecordSource::position() const { return position(number_); }

std::string RecordSource::position(std::uint64_t number) const {
  return fmt::format("{}: {} {}", input_.name(), records_ == Records::lines ? "line" : "item",
                     number);
}

}  // namespace wq::push
