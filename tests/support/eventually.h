#pragma once

#include <chrono>

#include <poll.h>

namespace wq::test {

/// Looks every few milliseconds whether `condition` is true; false if it never is within the
/// deadline. Exceptions of the condition pass.
template <typename Condition>
[[nodiscard]] bool eventually(Condition condition,
                              std::chrono::milliseconds deadline = std::chrono::seconds{30}) {
  const auto end = std::chrono::steady_clock::now() + deadline;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    ::poll(nullptr, 0, 3);
  }
  return true;
}

}  // namespace wq::test
