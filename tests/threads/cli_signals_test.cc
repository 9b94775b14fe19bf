#include <atomic>
#include <cerrno>
#include <system_error>
#include <thread>

#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "cli/signals.h"
#include "support/eventually.h"

namespace wq::cli {
namespace {

using test::eventually;

bool blocked(int signal) {
  sigset_t now;
  pthread_sigmask(SIG_BLOCK, nullptr, &now);
  return sigismember(&now, signal) == 1;
}

TEST(SignalWatcher, CallsBackWithTheSignalAndItsNumberInTheRow) {
  StopSignals signals;
  std::atomic<int> calls{0};
  std::atomic<int> last{0};
  const SignalWatcher watcher{signals, [&](int signal, int count) {
                                last = signal;
                                calls = count;
                              }};
  EXPECT_EQ(watcher.first(), 0);
  kill(getpid(), SIGTERM);
  ASSERT_TRUE(eventually([&] { return calls == 1; }));
  EXPECT_EQ(last, SIGTERM);
  kill(getpid(), SIGINT);
  ASSERT_TRUE(eventually([&] { return calls == 2; }));
  EXPECT_EQ(last, SIGINT);
  EXPECT_EQ(watcher.first(), SIGTERM);
}

TEST(SignalWatcher, OutlivesACallThatThrows) {
  StopSignals signals;
  std::atomic<int> calls{0};
  const SignalWatcher watcher{signals, [&](int /*signal*/, int count) {
                                calls = count;
                                if (count == 1)
                                  throw std::system_error(EAGAIN, std::generic_category(),
                                                          "no more threads");
                              }};
  kill(getpid(), SIGTERM);
  ASSERT_TRUE(eventually([&] { return calls == 1; }));
  kill(getpid(), SIGTERM);
  EXPECT_TRUE(eventually([&] { return calls == 2; }));
}

TEST(SignalWatcher, KnowsTheFirstSignalWhenItCallsBack) {
  StopSignals signals;
  std::atomic<const SignalWatcher*> self{nullptr};
  std::atomic<int> seen{-1};
  const SignalWatcher watcher{signals, [&](int, int) { seen = self.load()->first(); }};
  self = &watcher;
  kill(getpid(), SIGINT);
  ASSERT_TRUE(eventually([&] { return seen != -1; }));
  EXPECT_EQ(seen, SIGINT);
}

TEST(SignalWatcher, TakesSignalsThatComeTogetherForOne) {
  StopSignals signals;
  std::atomic<int> calls{0};
  const SignalWatcher watcher{signals, [&](int, int count) { calls = count; }};
  kill(getpid(), SIGTERM);
  kill(getpid(), SIGINT);
  ASSERT_TRUE(eventually([&] { return calls != 0; }));
  kill(getpid(), SIGINT);
  ASSERT_TRUE(eventually([&] { return calls != 1; }));
  EXPECT_EQ(calls, 2);
}

TEST(SignalWatcher, BlocksTheSignalsInThreadsThatAreStartedLater) {
  StopSignals signals;
  const SignalWatcher watcher{signals, [](int, int) {}};
  bool both = false;
  std::thread{[&] { both = blocked(SIGINT) && blocked(SIGTERM); }}.join();
  EXPECT_TRUE(both);
}

TEST(SignalWatcher, IsCalledBesideTheOthersOfItsProcessAndCountsByItself) {
  StopSignals signals;
  std::atomic<int> outer{0};
  const SignalWatcher program{signals, [&](int, int count) { outer = count; }};
  {
    std::atomic<int> inner{0};
    const SignalWatcher part{signals, [&](int, int count) { inner = count; }};
    kill(getpid(), SIGTERM);
    ASSERT_TRUE(eventually([&] { return outer == 1 && inner == 1; }));
  }
  EXPECT_TRUE(blocked(SIGTERM));
  std::atomic<int> later{0};
  const SignalWatcher part{signals, [&](int, int count) { later = count; }};
  EXPECT_EQ(part.first(), 0);
  kill(getpid(), SIGINT);
  ASSERT_TRUE(eventually([&] { return outer == 2 && later == 1; }));
  EXPECT_EQ(program.first(), SIGTERM);
  EXPECT_EQ(part.first(), SIGINT);
}

TEST(SignalWatcher, LiftsTheBlockAtItsEndAndDropsWhatCameUnseen) {
  StopSignals signals;
  {
    std::atomic<int> calls{0};
    std::atomic<bool> go_on{false};
    const SignalWatcher watcher{signals, [&](int, int count) {
                                  calls = count;
                                  while (!go_on) std::this_thread::yield();
                                }};
    kill(getpid(), SIGTERM);
    ASSERT_TRUE(eventually([&] { return calls == 1; }));
    kill(getpid(), SIGTERM);  // waits behind the call
    go_on = true;
  }
  EXPECT_FALSE(blocked(SIGTERM));
  EXPECT_FALSE(blocked(SIGINT));
}

}  // namespace
}  // namespace wq::cli
