#include "wq-push/file_contents.h"

#include <utility>

#include <fmt/format.h>

namespace wq::push {

FileContents::FileContents(std::unique_ptr<ItemSource> names, std::uint64_t max_item_bytes,
                           InputWait& wait)
    : names_(std::move(names)), max_item_bytes_(max_item_bytes), wait_(wait) {}

bool FileContents::next(std::string& item) {
  if (!names_->next(name_)) return false;
  item.clear();
  try {
    Input input(name_, wait_);
    while (true) {
      const std::string_view part = input.read();
      if (part.empty()) return !input.stopped();
      if (part.size() > max_item_bytes_ - item.size()) {
        throw ItemTooLarge(position(), max_item_bytes_);
      }
      item.append(part);
    }
  } catch (const InputError& error) {
    throw InputError(fmt::format("{}: {}", position(), error.what()));
  }
}

std::string FileContents::position() const {
  return fmt::format("{}, file '{}'", names_->position(), name_);
}

}  // namespace wq::push
