#pragma once

#include <string>

namespace wq::internal {

/// The host name of this machine.
[[nodiscard]] std::string host_name();

}  // namespace wq::internal
