#include "wq-push/record_source.h"

#include <fmt/format.h>

namespace wq::push {

RecordSource::RecordSource(const std::string& path, Records records, std::uint64_t max_item_bytes,
                           InputWait& wait)
    : input_(path, wait), records_(records), max_item_bytes_(max_item_bytes) {}

bool RecordSource::next(std::string& item) {
  const char delimiter = records_ == Records::lines ? '\n' : '\0';
  item.clear();
  while (true) {
    if (unread_.empty()) {
      try {
        unread_ = input_.read();
      } catch (const InputError& error) {
        throw InputError(fmt::format("cannot read {}: {}", position(number_ + 1), error.what()));
      }
      if (unread_.empty()) {  // the end, or a stop that may have cut an item in two
        if (item.empty() || input_.stopped()) return false;
        ++number_;
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
    if (!item.empty() || records_ == Records::null_ended) return true;
  }
}

std::string RecordSource::position() const { return position(number_); }

std::string RecordSource::position(std::uint64_t number) const {
  return fmt::format("{}: {} {}", input_.name(), records_ == Records::lines ? "line" : "item",
                     number);
}

}  // namespace wq::push
