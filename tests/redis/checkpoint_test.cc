// Checkpoints: saved under a lease, handed to the next attempt, removed with the item.
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <wq/admin.h>
#include <wq/clock.h>
#include <wq/queue.h>
#include <wq/reclaimer.h>

#include "queue/operations.h"
#include "support/queue_test.h"

namespace wq::test {
namespace {

using namespace std::chrono_literals;

class CheckpointOfAnItem : public QueueTest {
 protected:
  CheckpointOfAnItem() { push({"a"}); }

  void settle(Lease lease, Outcome outcome) {
    RetryPolicy now;
    now.backoff_base = 0ms;
    now.max_attempts = 1'000;
    EXPECT_EQ(queue_.settle({{std::move(lease), std::move(outcome)}}, now).at(0),
              Settled::accepted);
  }
  /// The same request as that of a worker, as if it came late.
  void save(const Lease& lease, std::uint64_t number, const std::string& text) {
    const internal::Checkpoint one{internal::held({&lease, 1}).front(), number, text};
    internal::CommandBuffer call;
    internal::append_checkpoints(call, keys_, queue_.session(), {&one, 1}, 1min);
    static_cast<void>(
        internal::run_script(redis_.connection(), internal::scripts::checkpoint, call));
  }

  Queue queue_ = open_queue();
};

TEST_F(CheckpointOfAnItem, IsGivenToTheNextAttempt) {
  const Lease first = lease_one(queue_);
  EXPECT_EQ(first.checkpoint, "");
  EXPECT_TRUE(queue_.checkpoint(first, "page 3", 1min));
  EXPECT_TRUE(queue_.checkpoint(first, std::string("page \0 4", 8), 1min));
  settle(first, Outcome::fail("no"));
  const Lease second = lease_one(queue_);
  EXPECT_EQ(second.checkpoint, std::string("page \0 4", 8));
  settle(second, Outcome::release(0ms));
  const Lease third = lease_one(queue_);
  EXPECT_EQ(third.checkpoint, second.checkpoint) << "it stays until another one or the completion";
  settle(third, Outcome::complete());
  EXPECT_FALSE(redis_.exists(key(Key::checkpoints)));
}

TEST_F(CheckpointOfAnItem, MayComeWithTheOutcome) {
  Outcome released = Outcome::release(0ms);
  released.checkpoint = "page 7";
  const Lease first = lease_one(queue_);
  EXPECT_TRUE(queue_.checkpoint(first, "page 6", 1min));
  settle(first, released);
  EXPECT_EQ(lease_one(queue_).checkpoint, "page 7");
}

TEST_F(CheckpointOfAnItem, RenewsTheLease) {
  const Lease lease = lease_one(queue_, 1s);
  EXPECT_TRUE(queue_.checkpoint(lease, "x", 10min));
  EXPECT_GT(redis_.integer({"PTTL", lease_key("a")}), (9min + internal::kLeaseTail) / 1ms);
}

TEST_F(CheckpointOfAnItem, IsNotOverwrittenByALateWorker) {
  const Lease late = lease_one(queue_);
  end_lease("a");
  Reclaimer reclaimer(keys_.queue(), options());
  const TimePoint now = BootClock::now();
  static_cast<void>(reclaimer.pass(now));
  EXPECT_EQ(reclaimer.pass(now + 1min).reclaimed, 1U);
  const Lease lease = lease_one(queue_);
  ASSERT_EQ(lease.item, "a");
  EXPECT_TRUE(queue_.checkpoint(lease, "page 9", 1min));
  EXPECT_FALSE(queue_.checkpoint(late, "page 2", 1min));
  settle(lease, Outcome::release(0ms));
  EXPECT_EQ(lease_one(queue_).checkpoint, "page 9");
}

TEST_F(CheckpointOfAnItem, IsNotOverwrittenByAnOlderOneThatArrivesLate) {
  const Lease lease = lease_one(queue_);
  save(lease, 2, "second");
  save(lease, 1, "first");
  settle(lease, Outcome::release(0ms));
  EXPECT_EQ(lease_one(queue_).checkpoint, "second");
}

TEST_F(CheckpointOfAnItem, SurvivesItsDeathAndGoesWithTheItem) {
  const Lease lease = lease_one(queue_);
  EXPECT_TRUE(queue_.checkpoint(lease, "page 3", 1min));
  settle(lease, Outcome::fatal("no"));
  Admin admin(keys_.queue(), options());
  const std::vector<std::string> items{"a"};
  EXPECT_EQ(admin.retry(items).size(), 1U);
  const Lease again = lease_one(queue_);
  EXPECT_EQ(again.checkpoint, "page 3");
  settle(again, Outcome::fatal("no"));
  EXPECT_EQ(admin.drop(items).size(), 1U);
  EXPECT_FALSE(redis_.exists(key(Key::checkpoints)));
}

// A purge removes the queue first and the leases later.
TEST_F(CheckpointOfAnItem, IsNotSavedWhenTheQueueIsGone) {
  const Lease lease = lease_one(queue_);
  redis_.call({"DEL", key(Key::stats)});
  EXPECT_FALSE(queue_.checkpoint(lease, "page 3", 1min));
  EXPECT_FALSE(redis_.exists(key(Key::checkpoints)));
  conserves_ = false;
}

TEST_F(CheckpointOfAnItem, IsForgottenWithAnItemThatIsDroppedAmongManyAlthoughItNeverFailed) {
  const Lease lease = lease_one(queue_);
  EXPECT_TRUE(queue_.checkpoint(lease, "page 3", 1min));
  settle(lease, Outcome::release(0ms));
  Admin admin(keys_.queue(), options());
  EXPECT_EQ(admin.drop_matching("*", ItemState::ready), 1U);
  EXPECT_FALSE(redis_.exists(key(Key::checkpoints)));
}

TEST_F(CheckpointOfAnItem, ThatIsTooLongIsRefused) {
  const Lease lease = lease_one(queue_);
  EXPECT_THROW(queue_.checkpoint(lease, std::string(kLongestCheckpoint + 1, 'x'), 1min),
               std::invalid_argument);
  EXPECT_TRUE(queue_.checkpoint(lease, std::string(kLongestCheckpoint, 'x'), 1min));
}

}  // namespace
}  // namespace wq::test
