#pragma once

#include <exception>
#include <string_view>

namespace wq::internal {

/// Within a catch: a `CannotGoOn` that says that `who` failed, and why; what was caught if there is
/// no memory for that. Each of a worker's threads has a last catch that keeps this, so that the
/// worker ends in order and releases its items: an exception that leaves a thread would end the
/// process, and all that it holds would be charged with a crash.
[[nodiscard]] std::exception_ptr cannot_go_on(std::string_view who) noexcept;

}  // namespace wq::internal
