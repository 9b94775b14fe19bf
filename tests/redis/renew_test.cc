// renew, through `Queue` and through the renewer of a worker.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <wq/error.h>
#include <wq/queue.h>

#include "maintenance/lease_renewer.h"
#include "support/queue_test.h"

namespace wq::test {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::int64_t kHourMs = 3'600'000;

class Renew : public QueueTest {
 protected:
  Queue queue_ = open_queue();
};

TEST_F(Renew, LengthensOurLease) {
  push({"a"});
  const std::vector<Lease> leases = queue_.lease(1, 1min);
  EXPECT_THAT(queue_.renew(leases, 2min), ElementsAre(true));
  EXPECT_GT(redis_.integer({"PTTL", lease_key("a")}), kHourMs + 100'000);
}

TEST_F(Renew, LengthensALeaseThatEndedButWasNotReclaimed) {
  push({"a"});
  const std::vector<Lease> leases = queue_.lease(1, 1min);
  end_lease("a");
  EXPECT_THAT(queue_.renew(leases, 1min), ElementsAre(true));
  EXPECT_GT(redis_.integer({"PTTL", lease_key("a")}), kHourMs + 50'000);
}

TEST_F(Renew, TellsWhichLeasesAreLostAndNeverSetsOne) {
  push({"absent", "ours", "another's", "other type"});
  const std::vector<Lease> leases = queue_.lease(4, 1min);
  redis_.call({"DEL", lease_key("absent"), lease_key("other type")});
  redis_.call({"LPUSH", lease_key("other type"), "x"});
  redis_.call({"SET", lease_key("another's"), "0123456789abcdef#1", "EX", "10"});
  EXPECT_THAT(queue_.renew(leases, 1min), ElementsAre(false, true, false, false));
  EXPECT_FALSE(redis_.exists(lease_key("absent")));
  EXPECT_LE(redis_.integer({"PTTL", lease_key("another's")}), 10'000);
  EXPECT_EQ(redis_.integer({"PTTL", lease_key("other type")}), -1);
}

TEST_F(Renew, ComesToNothingAfterTheSettlement) {
  push({"a"});
  const std::vector<Lease> leases = queue_.lease(1, 1min);
  static_cast<void>(queue_.settle(all_completed(leases)));
  EXPECT_THAT(queue_.renew(leases, 1min), ElementsAre(false));
  EXPECT_THAT(redis_.list({"KEYS", "q:leased_by_session:*"}), IsEmpty());
}

TEST_F(Renew, RefusesImpossibleArguments) {
  EXPECT_THROW(static_cast<void>(queue_.renew({}, 1min)), std::invalid_argument);
  const std::vector<Lease> one(1);
  EXPECT_THROW(static_cast<void>(queue_.renew(one, 0ms)), std::invalid_argument);
}

class Keeper : public Renew {
 protected:
  static constexpr std::chrono::milliseconds kTtl = 60s;

  std::vector<Lease> leased(std::size_t n) {
    push(numbered("i", n));
    return queue_.lease(n, kTtl);
  }
  std::int64_t left_ms(std::string_view item) {
    return redis_.integer({"PTTL", lease_key(item)}) - kHourMs;
  }
  void shorten(std::string_view item) {
    redis_.call({"PEXPIRE", lease_key(item), std::to_string(kHourMs + 10'000)});
  }

  std::vector<std::uint64_t> lost_;
  internal::ReconnectingConnection link_{options(), {}};
  internal::LeaseRenewer renewer_{link_, keys_, queue_.session(), kTtl,
                                  [this](std::span<const std::uint64_t> fences) {
                                    lost_.insert(lost_.end(), fences.begin(), fences.end());
                                  }};
  TimePoint begin_ = BootClock::now();
};

TEST_F(Keeper, RenewsWhenAThirdOfTheLeaseHasPassed) {
  const auto leases = leased(2);
  renewer_.add(leases, begin_);
  shorten("i0");
  renewer_.renew(begin_ + kTtl / 3 - 1ms);
  EXPECT_LE(left_ms("i0"), 10'000);
  renewer_.renew(begin_ + kTtl / 3);
  EXPECT_GT(left_ms("i0"), 50'000);
  EXPECT_THAT(lost_, IsEmpty());
}

TEST_F(Keeper, CountsFromTheTimeAtWhichARenewalWasSent) {
  const auto leases = leased(1);
  renewer_.add(leases, begin_ - 30s);
  renewer_.renew(begin_);
  renewer_.expire(begin_ + kTtl - 1ms);
  EXPECT_THAT(lost_, IsEmpty());
  renewer_.expire(BootClock::now() + kTtl);
  EXPECT_THAT(lost_, ElementsAre(leases[0].fence));
}

TEST_F(Keeper, ReportsWhatRedisRefusesOnce) {
  const auto leases = leased(3);
  renewer_.add(leases, begin_);
  redis_.call({"DEL", lease_key("i1")});
  renewer_.renew(begin_ + kTtl / 2);
  EXPECT_THAT(lost_, ElementsAre(leases[1].fence));
  EXPECT_EQ(renewer_.size(), 2U);
  renewer_.renew(begin_ + 10 * kTtl);
  EXPECT_THAT(lost_, ElementsAre(leases[1].fence));
}

TEST_F(Keeper, GivesUpALeaseThatEndedByOurClockWithoutAskingRedis) {
  const auto leases = leased(1);
  server_.freeze();
  renewer_.add(leases, begin_);
  renewer_.expire(begin_ + kTtl - 1ns);
  EXPECT_THAT(lost_, IsEmpty());
  renewer_.expire(begin_ + kTtl);
  EXPECT_THAT(lost_, ElementsAre(leases[0].fence));
  EXPECT_EQ(renewer_.size(), 0U);
  server_.thaw();
}

TEST_F(Keeper, ForgetsWhatIsSettled) {
  const auto leases = leased(2);
  renewer_.add(leases, begin_);
  auto settlements = all_completed({leases[0]});
  renewer_.remove(settlements);
  renewer_.remove(settlements);
  EXPECT_EQ(renewer_.size(), 1U);
  renewer_.expire(begin_ + kTtl);
  EXPECT_THAT(lost_, ElementsAre(leases[1].fence));
}

TEST_F(Keeper, RenewsMoreThanOneCallCanCarry) {
  push(numbered("i", 1'500));
  auto leases = queue_.lease(1'000, kTtl);
  for (Lease& lease : queue_.lease(500, kTtl)) leases.push_back(std::move(lease));
  renewer_.add(leases, begin_);
  shorten("i0");
  shorten("i1499");
  renewer_.renew(begin_ + kTtl / 2);
  EXPECT_GT(left_ms("i0"), 50'000);
  EXPECT_GT(left_ms("i1499"), 50'000);
  EXPECT_THAT(lost_, IsEmpty());
}

TEST_F(Keeper, ThrowsWhenRedisIsAwayAndLosesNothingByThat) {
  renewer_.add(leased(1), begin_);
  server_.stop();
  EXPECT_THROW(renewer_.renew(begin_ + kTtl / 2), ConnectionError);
  EXPECT_EQ(renewer_.size(), 1U);
  EXPECT_THAT(lost_, IsEmpty());
  conserves_ = false;
}

TEST_F(Keeper, DoesNotTalkToRedisWhenNothingIsDue) {
  renewer_.add(leased(1), begin_);
  server_.stop();
  EXPECT_NO_THROW(renewer_.renew(begin_ + 1ms));
  conserves_ = false;
}

}  // namespace
}  // namespace wq::test
