#pragma once

#include <string>

namespace wq::internal {

/// What the machine calls itself.
[[nodiscard]] std::string host_name();

}  // namespace wq::internal
