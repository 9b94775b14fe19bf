// Where there is no thread, the thread sanitizer has nothing to find, so that build leaves this
// folder out. A test that starts a thread would not be looked at, so it ends here.
#include <cstdio>
#include <cstdlib>

#include <pthread.h>

extern "C" int pthread_create(pthread_t* /*thread*/, const pthread_attr_t* /*attributes*/,
                              void* (* /*start*/)(void*), void* /*argument*/) noexcept {
  std::fputs("a test of tests/unit starts a thread: move it to tests/threads\n", stderr);
  std::abort();
}
