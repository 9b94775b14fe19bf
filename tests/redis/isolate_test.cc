// A lease that says that its holder holds nothing else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <wq/admin.h>

#include "maintenance/lease_renewer.h"
#include "support/queue_test.h"

namespace wq::test {
namespace {

using namespace std::chrono_literals;
using internal::Key;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::IsEmpty;
using ::testing::Le;

class Isolate : public QueueTest {
 protected:
  std::string holder() { return redis_.text({"GET", lease_key("a")}).value_or("none"); }
  std::string marked(const Lease& lease) {
    return queue_.session() + "#" + std::to_string(lease.fence) + "!";
  }
  Lease leased() {
    push({"a"});
    return lease_one(queue_);
  }

  Queue queue_ = open_queue();
};

TEST_F(Isolate, MarksTheLeaseAndLeavesItsTime) {
  Lease lease = leased();
  EXPECT_TRUE(queue_.isolate(lease));
  EXPECT_TRUE(lease.alone);
  EXPECT_EQ(holder(), marked(lease));
  EXPECT_THAT(redis_.integer({"PTTL", lease_key("a")}), AllOf(Ge(3'650'000), Le(3'660'000)));
}

TEST_F(Isolate, IsRepeatedSafely) {
  Lease lease = leased();
  EXPECT_TRUE(queue_.isolate(lease));
  EXPECT_TRUE(queue_.isolate(lease));
  EXPECT_EQ(holder(), marked(lease));
}

TEST_F(Isolate, OfALeaseThatWasLostSetsNone) {
  Lease lease = leased();
  redis_.call({"DEL", lease_key("a")});
  EXPECT_FALSE(queue_.isolate(lease));
  EXPECT_FALSE(lease.alone);
  EXPECT_EQ(holder(), "none");
  redis_.call({"SET", lease_key("a"), "another#7"});
  EXPECT_FALSE(queue_.isolate(lease));
  EXPECT_EQ(holder(), "another#7");
}

TEST_F(Isolate, WorksThoughRedisHasNoMemoryLeft) {
  Lease lease = leased();
  redis_.call({"CONFIG", "SET", "maxmemory", "1"});
  EXPECT_TRUE(queue_.isolate(lease));
  EXPECT_EQ(holder(), marked(lease));
}

TEST_F(Isolate, IsRenewedAndSettledAsWhatItIs) {
  const Lease before = leased();
  Lease lease = before;
  ASSERT_TRUE(queue_.isolate(lease));
  EXPECT_THAT(queue_.renew(std::vector{lease}, 1min), ElementsAre(true));
  EXPECT_THAT(queue_.renew(std::vector{before}, 1min), ElementsAre(false));
  EXPECT_THAT(queue_.settle({completed(before)}), ElementsAre(Settled::lost));
  EXPECT_THAT(queue_.settle({completed(lease)}), ElementsAre(Settled::accepted));
}

TEST_F(Isolate, IsPurgedWithTheQueue) {
  Lease lease = leased();
  ASSERT_TRUE(queue_.isolate(lease));
  static_cast<void>(Admin("q", options()).purge());
  EXPECT_EQ(holder(), "none");
  conserves_ = false;
}

class IsolatedByTheKeeper : public Isolate {
 protected:
  std::vector<std::uint64_t> lost_;
  internal::ReconnectingConnection link_{options(), {}};
  internal::LeaseRenewer renewer_{link_, keys_, queue_.session(), 60s,
                                  [this](std::span<const std::uint64_t> fences) {
                                    lost_.insert(lost_.end(), fences.begin(), fences.end());
                                  }};
  TimePoint begin_ = BootClock::now();
};

TEST_F(IsolatedByTheKeeper, GoesOnBeingRenewed) {
  Lease lease = leased();
  renewer_.add(std::vector{lease}, begin_);
  EXPECT_TRUE(renewer_.isolate(lease.fence, [&] { return queue_.isolate(lease); }));
  redis_.call({"PEXPIRE", lease_key("a"), "3610000"});
  renewer_.renew(begin_ + 30s);
  EXPECT_GT(redis_.integer({"PTTL", lease_key("a")}), 3'650'000);
  EXPECT_THAT(lost_, IsEmpty());
}

TEST_F(IsolatedByTheKeeper, IsNotLostThroughARenewalThatCrossesIt) {
  Lease lease = leased();
  renewer_.add(std::vector{lease}, begin_);
  // Redis hears of the mark first, and then of a renewal that was on its way without it.
  EXPECT_TRUE(renewer_.isolate(lease.fence, [&] {
    const bool ours = queue_.isolate(lease);
    renewer_.renew(begin_ + 30s);
    return ours;
  }));
  renewer_.expire(begin_ + 59s);
  EXPECT_THAT(lost_, IsEmpty());
  EXPECT_EQ(renewer_.size(), 1U);
}

TEST_F(IsolatedByTheKeeper, IsNotKeptIfItWasLost) {
  Lease lease = leased();
  renewer_.add(std::vector{lease}, begin_);
  redis_.call({"DEL", lease_key("a")});
  EXPECT_FALSE(renewer_.isolate(lease.fence, [&] { return queue_.isolate(lease); }));
  EXPECT_EQ(renewer_.size(), 0U);
  EXPECT_FALSE(renewer_.isolate(lease.fence, [] { return true; }));
}

}  // namespace
}  // namespace wq::test
