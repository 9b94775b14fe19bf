#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>

#include "cli/units.h"

namespace wq::push {

/// What an item has besides its bytes.
struct ItemTerms {
  std::optional<std::chrono::milliseconds> delay{};  ///< none: that of --delay
  std::optional<std::string> once_key{};
};

/// Where items come from, one after the other and never all at once: what a source keeps in memory
/// does not depend on how many items there are. One thread at a time.
class ItemSource {
 public:
  ItemSource() = default;
  virtual ~ItemSource() = default;
  ItemSource(const ItemSource&) = delete;
  ItemSource& operator=(const ItemSource&) = delete;

  /// Sets `item` to the next one and returns true, or returns false at the end or after a stop
  /// request. Throws `InputError` for input that cannot be read, `ItemTooLarge`.
  [[nodiscard]] virtual bool next(std::string& item) = 0;

  /// The terms of the last item; null: none of its own. Valid until the next call of `next`.
  [[nodiscard]] virtual const ItemTerms* terms() const { return nullptr; }

  /// To be called when every item that `next` gave out is in the queue, at the end.
  virtual void confirmed() noexcept {}

  /// Where the last item came from, for messages: "list.txt: line 17", "argument 3".
  [[nodiscard]] virtual std::string position() const = 0;

  /// The part of the input that was read, 0 to 1. None: not known.
  [[nodiscard]] virtual std::optional<double> fraction() const { return std::nullopt; }
};

/// Input that cannot be read. The message says which and why.
class InputError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// An item over `--max-item-bytes`. The message has its position.
class ItemTooLarge : public std::invalid_argument {
 public:
  ItemTooLarge(const std::string& position, std::uint64_t max_bytes)
      : std::invalid_argument(position + ": the item is larger than --max-item-bytes " +
                              cli::size_text(max_bytes) +
                              "; push a reference such as a file name, or raise the limit") {}
};

}  // namespace wq::push
