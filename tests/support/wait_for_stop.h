#pragma once

#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <utility>

namespace wq::test {

/// What a handler does that never ends by itself: returns when it is told to stop.
inline void wait_for_stop(std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait(lock, std::move(stop), [] { return false; });
}

}  // namespace wq::test
