// attach: what a worker's new connection does first.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <wq/error.h>
#include <wq/queue.h>

#include "support/queue_test.h"

namespace wq::test {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Attach : public QueueTest {
 protected:
  Reply attach() {
    std::vector<std::string> kinds;
    for (const Key each : internal::scripts::attach.keys) {
      kinds.emplace_back(internal::kKeyKinds.at(static_cast<std::size_t>(each)).type);
    }
    return script(internal::scripts::attach, {}, kinds);
  }

  // What the worker's side makes of it.
  std::string refusal() {
    try {
      static_cast<void>(open_queue().lease(1, 1min));
    } catch (const RefusedError& error) {
      return error.what();
    }
    return "";
  }
};

TEST_F(Attach, NamesEveryKeyOfAnotherTypeAndWritesNothing) {
  conserves_ = false;  // what is in the way cannot be counted
  for (std::size_t i = 0; i < internal::kKeyCount; ++i) {
    const internal::KeyKind kind = internal::kKeyKinds.at(i);
    const std::string name = key(static_cast<Key>(i));
    redis_.call({"FLUSHALL"});
    if (kind.type == "string") {
      redis_.call({"LPUSH", name, "x"});
    } else {
      redis_.call({"SET", name, "x"});
    }
    const auto before = everything();
    EXPECT_THAT(refusal(), AllOf(HasSubstr("'" + name + "'"), HasSubstr("needs a "),
                                 HasSubstr(std::string(kind.type))));
    EXPECT_EQ(everything(), before) << name;
  }
}

TEST_F(Attach, RaisesTheFenceToTheServersTimeInMicroseconds) {
  redis_.call({"SET", key(Key::fence), "7"});
  const std::int64_t before_us = redis_.time_ms() * 1'000;
  const std::int64_t fence = attach().value().integer();
  EXPECT_GE(fence, before_us);
  EXPECT_LE(fence, (redis_.time_ms() + 1) * 1'000);
  EXPECT_EQ(redis_.integer({"GET", key(Key::fence)}), fence);
}

TEST_F(Attach, NeverLowersTheFence) {
  redis_.call({"SET", key(Key::fence), "8000000000000001"});
  EXPECT_EQ(attach().value().integer(), 8'000'000'000'000'001);
  EXPECT_EQ(redis_.text({"GET", key(Key::fence)}), "8000000000000001");
}

TEST_F(Attach, RefusesAFenceThatIsNoNumber) {
  redis_.call({"SET", key(Key::fence), "many"});
  EXPECT_THAT(refusal(), HasSubstr("q:fence"));
  EXPECT_EQ(redis_.text({"GET", key(Key::fence)}), "many");
}

TEST_F(Attach, LeavesNothingWhereThereWasNothing) {
  EXPECT_TRUE(attach().value().is_nil());
  EXPECT_THAT(redis_.list({"KEYS", "*"}), IsEmpty());
}

TEST_F(Attach, TheFirstFenceIsTheServersTimeInMicroseconds) {
  const auto before_us = static_cast<std::uint64_t>(redis_.time_ms()) * 1'000;
  push({"a"});
  Queue queue = open_queue();
  const Lease first = lease_one(queue);
  EXPECT_GT(first.fence, before_us);
  EXPECT_LE(first.fence, (static_cast<std::uint64_t>(redis_.time_ms()) + 1) * 1'000);
}

TEST_F(Attach, AFenceThatIsGoneDoesNotBeginAnew) {
  push({"a", "b", "c"});
  Queue queue = open_queue();
  const Lease first = lease_one(queue);
  redis_.call({"DEL", key(Key::fence)});  // as if a restart had lost all but the items
  const Lease popped = lease_one(queue);
  EXPECT_GT(popped.fence, first.fence);
  redis_.call({"DEL", key(Key::fence)});
  redis_.call({"BRPOPLPUSH", key(Key::ready), key(Key::processing), "1"});
  const Reply claimed = script(internal::scripts::claim, {}, {"id"});
  EXPECT_GT(claimed.value()[0].count(), popped.fence);
}

TEST_F(Attach, TakesAnExpiryOffTheFence) {
  redis_.call({"SET", key(Key::fence), "1", "EX", "100"});
  attach();
  EXPECT_EQ(redis_.integer({"PTTL", key(Key::fence)}), -1);
}

TEST_F(Attach, HappensAgainOnEveryConnection) {
  push({"a", "b"});
  Queue queue = open_queue();
  const Lease first = lease_one(queue);
  redis_.call({"SET", key(Key::fence), "7"});  // as if the last writes had been lost
  redis_.call({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
  const Lease second = lease_one(queue);
  EXPECT_GT(second.fence, first.fence);
}

TEST_F(Attach, FencesOfDifferentQueuesObjectsNeverRepeat) {
  push(numbered("i", 4));
  std::uint64_t last = 0;
  for (int i = 0; i < 4; ++i) {
    Queue queue = open_queue();
    const Lease lease = lease_one(queue);
    EXPECT_GT(lease.fence, last);
    last = lease.fence;
  }
}

TEST_F(Attach, CountsNothing) {
  attach();
  EXPECT_THAT(counts().id, IsEmpty());
}

}  // namespace
}  // namespace wq::test
