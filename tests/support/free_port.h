#pragma once

namespace wq::test {

/// A TCP port of 127.0.0.1 that nobody listens on, and that no other test is given as long as this
/// process lives. Not thread-safe.
[[nodiscard]] int free_port();

}  // namespace wq::test
