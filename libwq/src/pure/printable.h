#pragma once

#include <string>
#include <string_view>

namespace wq::internal {

/// An item as it can stand in a line of a log: in quotes, what is not printable ASCII as \xNN, cut
/// after 80 bytes.
[[nodiscard]] std::string printable(std::string_view item);

}  // namespace wq::internal
