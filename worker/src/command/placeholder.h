#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// The placeholders of a command. Their meaning is that of GNU parallel.
namespace wq::internal {

inline constexpr std::string_view kDefaultMarker = "{}";

enum class ItemPart {
  whole,                        ///< {}
  without_extension,            ///< {.}: without the last dot of its last part and what follows
  base_name,                    ///< {/}: what follows the last slash
  folder,                       ///< {//}: as dirname(1)
  base_name_without_extension,  ///< {/.}
  sequence,                     ///< {#}: a number that no other try of the queue has: the fence
  slot,                         ///< {%}: 1 to concurrency, unlike WQ_SLOT, which begins with 0
};

/// False for numbers, which say nothing of what is in the item.
[[nodiscard]] constexpr bool is_of_item(ItemPart part) noexcept {
  return part != ItemPart::sequence && part != ItemPart::slot;
}

/// The values of the placeholders.
struct Filling {
  std::string_view item;
  std::uint64_t sequence = 0;
  unsigned slot = 0;  ///< from 0
};

[[nodiscard]] std::string part_of(const Filling& filling, ItemPart part);

struct Placeholder {
  std::size_t at = 0;
  std::size_t size = 0;
  ItemPart part = ItemPart::whole;
};

/// The first one in `word` at or behind `from`. With a marker other than `{}`, only the marker is a
/// placeholder, for the whole item; an empty marker has no placeholders. `${#}` and similar belong
/// to a shell and are not placeholders.
[[nodiscard]] std::optional<Placeholder> find_placeholder(std::string_view word,
                                                          std::string_view marker,
                                                          std::size_t from = 0);

/// The first text in `word` that some version of GNU parallel replaces and wq-worker does not:
/// `{..}`, `{+/}`, `{1.}`, `{= perl =}`, and `{1}` at the beginning of the word (elsewhere it may
/// be part of a regular expression). Empty for none.
[[nodiscard]] std::string_view find_unknown_placeholder(std::string_view word);

/// "{}, {.}, {/}, ..." for messages.
[[nodiscard]] std::string all_placeholders();

}  // namespace wq::internal
