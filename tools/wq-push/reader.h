#pragma once

#include <cstdint>
#include <string>

#include "wq-push/item_source.h"
#include "wq-push/push_options.h"

namespace wq::push {

/// The items that are to be pushed: passes over the first `--skip`, holds each against
/// `--max-item-bytes`, and says once in the log what the user may not have meant.
class Reader {
 public:
  /// Both must outlive this object.
  Reader(const PushOptions& options, ItemSource& source) : options_(options), source_(source) {}

  /// As `ItemSource::next`. Throws `UsageError` if there are fewer items than are to be skipped.
  [[nodiscard]] bool next(std::string& item);

  /// How many items `next` gave out.
  [[nodiscard]] std::uint64_t given() const noexcept { return given_; }

 private:
  void skip(std::string& item);
  void hint(const std::string& item);

  const PushOptions& options_;
  ItemSource& source_;
  std::uint64_t skipped_ = 0;
  std::uint64_t given_ = 0;
  bool hinted_size_ = false;
  bool hinted_cr_ = false;
};

}  // namespace wq::push
