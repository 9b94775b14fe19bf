// What workers write into the registry of queues.
#include <mutex>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <wq/worker.h>

#include "support/queue_test.h"

namespace wq::test {
namespace {

using namespace std::chrono_literals;
using internal::kRegistryKey;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class WorkersRegister : public QueueTest {
 protected:
  [[nodiscard]] std::vector<std::string> registered() {
    return redis_.list({"ZRANGE", kRegistryKey, "0", "-1"});
  }
  WorkerReport work(WorkerOptions worker, const RedisOptions& redis) {
    worker.log = [this](LogLevel level, std::string_view text) {
      const std::lock_guard lock(mutex_);
      if (level == LogLevel::warning) warnings_.emplace_back(text);
    };
    return Worker("q", redis, std::move(worker), [](const Job&) { return Outcome::complete(); })
        .run();
  }

  std::mutex mutex_;
  std::vector<std::string> warnings_;
};

TEST_F(WorkersRegister, AQueueThatTheyMeetAndThatIsNotRegistered) {
  push({"a"});
  redis_.call({"DEL", kRegistryKey});
  EXPECT_EQ(work({}, options()).end, WorkerEnd::drained);
  EXPECT_THAT(registered(), ElementsAre("q"));
}

TEST_F(WorkersRegister, AQueueThatOnlyOtherClientsPushedTo) {
  push_past_us({"a"});
  EXPECT_EQ(work({}, options()).end, WorkerEnd::drained);
  EXPECT_THAT(registered(), ElementsAre("q"));
}

TEST_F(WorkersRegister, NoQueueThatTheyOnlyWaitFor) {
  WorkerOptions worker;
  worker.wait_open = 100ms;
  worker.after = {"before"};
  EXPECT_EQ(work(worker, options()).end, WorkerEnd::never_opened);
  EXPECT_THAT(registered(), IsEmpty());
}

TEST_F(WorkersRegister, TheQueuesOfTheirFollowUpsBeforeThoseBegin) {
  push({"a"});
  redis_.call({"DEL", kRegistryKey});
  WorkerOptions worker;
  worker.follow_ups_to = {"next", "q", "last"};
  EXPECT_EQ(work(worker, options()).end, WorkerEnd::drained);
  EXPECT_THAT(registered(), UnorderedElementsAre("q", "next", "last"));
  EXPECT_TRUE(Queue("next", options()).counts().id.empty());
}

TEST_F(WorkersRegister, NothingWithoutTheRightAndWorkAllTheSame) {
  push({"a"});
  redis_.call({"DEL", kRegistryKey});
  redis_.call({"ACL", "SETUSER", "u", "on", ">pw", "~q", "~q:*", "+@all"});
  RedisOptions redis = options();
  redis.url = "unix://u:pw@" + server_.socket_path();
  EXPECT_EQ(work({}, redis).end, WorkerEnd::drained);
  EXPECT_THAT(registered(), IsEmpty());
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("queue 'q' could not be registered")));
}

}  // namespace
}  // namespace wq::test
