#include "base/wait.h"

#include <condition_variable>
#include <mutex>

// A program built with -fsanitize=thread may link a libwq that is not. The sanitizer sees mutexes
// but not the atomic operations of such a libwq, so these annotations give it the order of a stop
// request and its callback. Without the sanitizer they are null; a libwq built with it needs none.
#if !defined(__SANITIZE_THREAD__)
extern "C" {
// NOLINTBEGIN(readability-identifier-naming, bugprone-reserved-identifier): the sanitizer's names
[[gnu::weak]] void __tsan_acquire(void* address);
[[gnu::weak]] void __tsan_release(void* address);
// NOLINTEND(readability-identifier-naming, bugprone-reserved-identifier)
}
#endif

namespace wq::internal {
namespace {

#if defined(__SANITIZE_THREAD__)
void comes_before(std::mutex& /*mutex*/) {}
void comes_after(std::mutex& /*mutex*/) {}
#else
void comes_before(std::mutex& mutex) {
  if (__tsan_release != nullptr) __tsan_release(&mutex);
}
void comes_after(std::mutex& mutex) {
  if (__tsan_acquire != nullptr) __tsan_acquire(&mutex);
}
#endif

}  // namespace

void wait_for(std::chrono::milliseconds time, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable stopped;
  comes_before(mutex);
  {
    const std::stop_callback wake(stop, [&] {
      comes_after(mutex);
      {
        const std::lock_guard lock(mutex);
        stopped.notify_all();
      }
      comes_before(mutex);
    });
    std::unique_lock lock(mutex);
    stopped.wait_for(lock, time, [&] { return stop.stop_requested(); });
  }
  comes_after(mutex);
}

}  // namespace wq::internal
