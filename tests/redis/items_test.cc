// Items are any bytes, of any length, and may be equal.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <wq/queue.h>
#include <wq/reclaimer.h>

#include "queue/pop_size.h"
#include "support/queue_test.h"

namespace wq::test {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::SizeIs;

std::string every_byte() {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes += static_cast<char>(byte);
  return bytes;
}

std::string megabytes(std::size_t n) {
  std::string bytes;
  while (bytes.size() < n << 20U) bytes += every_byte();
  return bytes;
}

class Items : public QueueTest {
 protected:
  // Takes an item through every state that there is, and looks at it each time.
  void expect_kept(const std::string& item);

 private:
  Settled settle(Lease lease, Outcome outcome) {
    return queue_.settle({{std::move(lease), std::move(outcome)}}, policy()).at(0);
  }
  static RetryPolicy policy() {
    RetryPolicy policy;
    policy.backoff_base = 0ms;
    policy.max_attempts = 10;
    return policy;
  }

  Queue queue_ = open_queue();
};

void Items::expect_kept(const std::string& item) {
  push({item}, {.once = true});
  Lease lease = lease_one(queue_);
  ASSERT_EQ(lease.item, item);
  EXPECT_EQ(lease.hash, hash_item(item));
  EXPECT_TRUE(redis_.exists(lease_key(item)));

  EXPECT_EQ(settle(lease, Outcome::fail(item.substr(0, 1'000))), Settled::accepted);
  lease = lease_one(queue_);
  EXPECT_EQ(lease.item, item);
  EXPECT_EQ(lease.failures, 1U);
  EXPECT_EQ(settle(lease, Outcome::release(0ms)), Settled::accepted);

  lease = lease_one(queue_);
  end_lease(item);
  Reclaimer reclaimer("q", options());
  const TimePoint begin = BootClock::now();
  reclaimer.pass(begin);
  EXPECT_EQ(reclaimer.pass(begin + 20s).reclaimed, 1U);

  redis_.call({"RPOPLPUSH", key(Key::ready), key(Key::processing)});
  // So large an item may take its time to arrive.
  for (const auto time : {20s, 30s}) reclaimer.pass(begin + time);
  EXPECT_EQ(reclaimer.pass(begin + 20s + internal::unleased_grace(item.size())).returned, 1U);

  lease = lease_one(queue_);
  EXPECT_EQ(settle(lease, Outcome::release(1ms)), Settled::accepted);
  EXPECT_THAT(all(Key::delayed), ElementsAre(item));
  redis_.call({"ZADD", key(Key::delayed), "1", item});
  EXPECT_EQ(reclaimer.pass(begin + 27s).promoted, 1U);

  lease = lease_one(queue_);
  EXPECT_EQ(lease.attempt(), 3U);
  Outcome outcome = Outcome::complete(item);
  outcome.follow_ups = {item + "!"};
  EXPECT_EQ(settle(lease, outcome), Settled::accepted);
  const auto results = queue_.results("", 10);
  ASSERT_THAT(results, SizeIs(1));
  EXPECT_EQ(results[0].item, item);
  EXPECT_EQ(results[0].result, item);

  lease = lease_one(queue_);
  EXPECT_EQ(lease.item, item + "!");
  EXPECT_EQ(settle(lease, Outcome::fatal("no")), Settled::accepted);
  EXPECT_THAT(all(Key::dead), ElementsAre(item + "!"));
  EXPECT_TRUE(counts().drained());
}

class ItemsOfAnyBytes : public Items, public ::testing::WithParamInterface<std::string> {};

TEST_P(ItemsOfAnyBytes, AreKeptOnAllTheirWays) { expect_kept(GetParam()); }

INSTANTIATE_TEST_SUITE_P(All, ItemsOfAnyBytes,
                         ::testing::Values("plain", "", " ", "two\r\nlines\r\n",
                                           std::string("\0", 1), every_byte(),
                                           "*3\r\n$3\r\nDEL\r\n", "h\xc3\xa9\xff", "0", "-1", "nil",
                                           "q:processing"),
                         [](const auto& param) { return "Item" + std::to_string(param.index); });

// No parameter, which each test of this program would build anew as it starts.
TEST_F(Items, OfTenMegabytesAreKeptOnAllTheirWays) { expect_kept(megabytes(10)); }

using EqualItems = QueueTest;

TEST_F(EqualItems, AreNeverLostAndNeverRunAtTheSameTime) {
  push({"same", "same", "same"});
  Queue first = open_queue();
  Queue second = open_queue();
  Reclaimer reclaimer("q", options());
  TimePoint now = BootClock::now();
  std::size_t ran = 0;
  while (!counts().drained()) {
    ASSERT_LE(ran, 3U);
    auto leases = first.lease(2, 1min);
    const auto others = second.lease(2, 1min);
    ASSERT_LE(leases.size() + others.size(), 1U);
    ran += leases.size() + others.size();
    if (!leases.empty()) {
      EXPECT_THAT(first.settle(all_completed(std::move(leases))), ElementsAre(Settled::accepted));
    }
    if (!others.empty()) {
      EXPECT_THAT(second.settle(all_completed(others)), ElementsAre(Settled::accepted));
    }
    expect_conserved();
    for (int pass = 0; pass < 3; ++pass) reclaimer.pass(now += 3s);
  }
  EXPECT_EQ(ran, 3U);
  EXPECT_EQ(counts().completed, 3U);
}

TEST_F(EqualItems, ThatMeetAmongTheDelayedRunOnceAndAreCountedAsMerged) {
  push({"same", "same"});
  Queue queue = open_queue();
  Reclaimer reclaimer("q", options());
  TimePoint now = BootClock::now();
  for (int n = 0; n < 2; ++n) {
    Lease lease = lease_one(queue);
    static_cast<void>(queue.settle({{std::move(lease), Outcome::release(1h)}}));
  }
  expect_conserved();
  EXPECT_EQ(counts().merged, 1U);
  redis_.call({"ZADD", key(Key::delayed), "1", "same"});
  reclaimer.pass(now);
  EXPECT_THAT(queue.settle(all_completed(queue.lease(2, 1min))), ElementsAre(Settled::accepted));
  EXPECT_TRUE(counts().drained());
}

TEST_F(EqualItems, OneThatRanOutDoesNotTakeAnotherWithIt) {
  push({"same", "same"});
  Queue queue = open_queue();
  ASSERT_THAT(queue.lease(2, 1min), SizeIs(1));
  end_lease("same");
  Reclaimer reclaimer("q", options());
  const TimePoint begin = BootClock::now();
  reclaimer.pass(begin);
  EXPECT_EQ(reclaimer.pass(begin + 20s).reclaimed, 1U);
  EXPECT_EQ(counts().crashed, 1U);
  EXPECT_EQ(counts().processing, 1U);
  for (const auto time : {21s, 24s}) reclaimer.pass(begin + time);
  EXPECT_EQ(reclaimer.pass(begin + 27s).returned, 1U);
  EXPECT_EQ(counts().ready, 2U);
}

}  // namespace
}  // namespace wq::test
