// Loaded into redis-server (LD_PRELOAD): its wall clock shows the microseconds that stand in the
// file $WQ_FROZEN_CLOCK names, and moves when somebody writes another number there. Other clocks
// are the real ones, so that timers go on. Without the variable nothing changes.
//
// libfaketime cannot be used here: with redis-server's allocator it recurses and gives up.

#include <cstdint>
#include <cstdlib>
#include <ctime>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

namespace {

volatile const std::int64_t* shared_us = nullptr;  // null: the real time

__attribute__((constructor)) void map_clock() {
  const char* const path = std::getenv("WQ_FROZEN_CLOCK");
  if (path == nullptr) return;
  const int file = ::open(path, O_RDONLY | O_CLOEXEC);
  void* const page =
      file < 0 ? MAP_FAILED : ::mmap(nullptr, sizeof(std::int64_t), PROT_READ, MAP_SHARED, file, 0);
  if (page == MAP_FAILED) ::_exit(126);  // the right time would be the wrong one
  ::close(file);
  shared_us = static_cast<const std::int64_t*>(page);
}

}  // namespace

// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): the C library's are reserved
extern "C" {

int clock_gettime(clockid_t clock, timespec* now) noexcept {
  if (shared_us == nullptr || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)) {
    return static_cast<int>(::syscall(SYS_clock_gettime, clock, now));
  }
  const std::int64_t us = *shared_us;
  now->tv_sec = us / 1'000'000;
  now->tv_nsec = us % 1'000'000 * 1'000;
  return 0;
}

int gettimeofday(timeval* now, void* /*zone*/) noexcept {
  timespec time{};
  if (clock_gettime(CLOCK_REALTIME, &time) != 0) return -1;
  now->tv_sec = time.tv_sec;
  now->tv_usec = time.tv_nsec / 1'000;
  return 0;
}

time_t time(time_t* now) noexcept {
  timespec time{};
  clock_gettime(CLOCK_REALTIME, &time);
  if (now != nullptr) *now = time.tv_sec;
  return time.tv_sec;
}

}  // extern "C"
// NOLINTEND(readability-inconsistent-declaration-parameter-name)
