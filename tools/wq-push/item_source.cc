#include "wq-push/item_source.h"

#include <fmt/format.h>

#include "cli/units.h"

namespace wq::push {

ItemTooLarge::ItemTooLarge(const std::string& position, std::uint64_t max_bytes)
    : std::invalid_argument(fmt::format(
          "{}: the item is larger than --max-item-bytes {}; push a reference such as a file name, "
          "or raise the limit",
          position, cli::size_text(max_bytes))) {}

}  // namespace wq::push
