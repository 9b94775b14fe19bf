// An exception that nobody foresaw, in each thread of a worker: it ends the worker, which first
// gives back what it holds, so that nothing is charged. What is thrown comes from the log, which is
// ours.
#include <atomic>
#include <functional>
#include <new>
#include <string>
#include <string_view>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <wq/error.h>
#include <wq/producer.h>
#include <wq/worker.h>

#include "support/eventually.h"
#include "support/fault_proxy.h"
#include "support/queue_test.h"
#include "support/wait_for_stop.h"

namespace wq::test {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class ThreadFaults : public QueueTest {
 protected:
  // Throws when the worker says this for the first time.
  static Log bomb(std::string when, std::atomic<bool>& thrown) {
    return [when = std::move(when), &thrown](LogLevel, std::string_view text) {
      if (text.find(when) == std::string_view::npos || thrown.exchange(true)) return;
      throw std::bad_alloc();
    };
  }

  static WorkerOptions two_slots(Log log) {
    WorkerOptions options;
    options.concurrency = 2;
    options.lease = 2s;
    options.retry.backoff_base = options.retry.backoff_max = 1ms;
    options.log = std::move(log);
    return options;
  }

  // Returns what the worker says when it ends.
  std::string words_of(WorkerOptions options, const Handler& handler) {
    try {
      static_cast<void>(Worker("q", this->options(), std::move(options), handler).run());
    } catch (const CannotGoOn& error) {
      return error.what();
    }
    return "it did not throw";
  }

  std::atomic<bool> thrown_{false};
};

TEST_F(ThreadFaults, InTheKeeperGiveBackWhatIsHeld) {
  push({"a", "b", "c"});
  const std::string words =
      words_of(two_slots(bomb("leases were lost", thrown_)), [this](const Job& job) {
        // The renewer finds at its next renewal that the lease of "a" is not ours.
        if (job.item == "a") redis_.call({"SET", lease_key("a"), "somebody#1", "PX", "3660000"});
        wait_for_stop(job.stop);
        return Outcome::fail("was told to stop");
      });
  EXPECT_THAT(words, HasSubstr("renews leases failed: out of memory"));
  redis_.call({"DEL", lease_key("a")});
  EXPECT_EQ(counts().ready, 2U);
  EXPECT_EQ(counts().failed, 0U);
  EXPECT_FALSE(redis_.exists(lease_key("b")));
}

TEST_F(ThreadFaults, InTheWatchGiveBackWhatIsHeld) {
  push({"a", "b"});
  std::atomic<int> running{0};
  std::thread freezer([&] {
    EXPECT_TRUE(eventually([&] { return running == 2; }));
    server_.freeze();  // no renewal gets through, so the watch ends the leases
    EXPECT_TRUE(eventually([&] { return thrown_.load(); }));
    server_.thaw();
  });
  const std::string words =
      words_of(two_slots(bomb("leases were lost", thrown_)), [&](const Job& job) {
        ++running;
        wait_for_stop(job.stop);
        return Outcome::fail("was told to stop");
      });
  freezer.join();
  EXPECT_THAT(words, HasSubstr("watches timeouts failed: out of memory"));
  EXPECT_EQ(counts().ready, 2U);
  EXPECT_EQ(counts().failed, 0U);
}

TEST_F(ThreadFaults, InTheReclaimerGiveBackWhatIsHeld) {
  push({"a", "b", "c"});
  const std::string words =
      words_of(two_slots(bomb("is the reclaimer now", thrown_)), [](const Job& job) {
        wait_for_stop(job.stop);
        return Outcome::fail("was told to stop");
      });
  EXPECT_THAT(words, HasSubstr("the reclaimer failed: out of memory"));
  EXPECT_EQ(counts().ready, 3U);
  EXPECT_EQ(counts().failed, 0U);
}

TEST_F(ThreadFaults, InTheMainThreadGiveBackWhatIsHeld) {
  push({"a", "b", "c"});
  std::atomic<bool> b_runs{false};
  const std::string words =
      words_of(two_slots(bomb("failed, attempt 1", thrown_)), [&](const Job& job) {
        if (job.item == "a") {
          EXPECT_TRUE(eventually([&] { return b_runs.load(); }));
          return Outcome::fail("as it happens");
        }
        b_runs = true;
        wait_for_stop(job.stop);
        return Outcome::fail("was told to stop");
      });
  EXPECT_THAT(words, HasSubstr("main thread failed: out of memory"));
  EXPECT_EQ(counts().failed, 1U);
  // What was popped and not leased yet has no lease, so it comes back by itself.
  EXPECT_EQ(counts().ready + counts().delayed + counts().processing, 3U);
  EXPECT_FALSE(redis_.exists(lease_key("b")));
  EXPECT_FALSE(redis_.exists(lease_key("c")));
}

// A handler's exception without words, for which there is no failure to record.
struct Nameless : std::exception {
  [[nodiscard]] const char* what() const noexcept override { return nullptr; }
};

TEST_F(ThreadFaults, InAThreadOfAHandlerLetTheOthersFinishAndGiveBackTheRest) {
  push({"a", "b", "c"});
  std::atomic<bool> b_runs{false};
  std::atomic<bool> a_throws{false};
  const std::string words = words_of(two_slots({}), [&](const Job& job) -> Outcome {
    if (job.item == "a") {
      EXPECT_TRUE(eventually([&] { return b_runs.load(); }));
      a_throws = true;
      throw Nameless();
    }
    b_runs = true;
    EXPECT_TRUE(eventually([&] { return a_throws.load(); }));
    return Outcome::complete();
  });
  EXPECT_THAT(words, HasSubstr("runs the handler failed"));
  const Counts now = counts();
  EXPECT_GE(now.completed, 1U);
  EXPECT_EQ(now.ready + now.processing + now.completed, 3U);
  EXPECT_EQ(now.failed + now.crashed, 0U);
  EXPECT_FALSE(redis_.exists(lease_key("a")));
}

TEST_F(ThreadFaults, InTheThreadOfAProducerAreToldByTheNextCall) {
  FaultProxy proxy(server_);
  RedisOptions redis = proxy.options();
  std::atomic<bool> thrown{false};
  redis.log = [&thrown](LogLevel, std::string_view) {
    thrown = true;
    throw 42;  // no std::exception, and nothing to be caught as one
  };
  Producer producer("q", redis, {.hold = 1s});
  proxy.lose_request(internal::scripts::touch.sha1);
  EXPECT_TRUE(eventually([&] { return thrown.load(); }));
  const auto push = [&] {
    for (int i = 0; i < 100'000; ++i) producer.push("x");
  };
  EXPECT_THROW(push(), int);
}

}  // namespace
}  // namespace wq::test
