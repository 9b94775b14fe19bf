// The history: what settlements add to it, and how much of it is kept.
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <wq/admin.h>
#include <wq/error.h>
#include <wq/queue.h>

#include "support/queue_test.h"

namespace wq::test {
namespace {

using namespace std::chrono_literals;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class History : public QueueTest {
 protected:
  // Settles up to so many as begun and done.
  std::vector<Settled> settle(std::size_t most, std::uint64_t kept) {
    std::vector<Settlement> settlements = all_completed(queue_.lease(most, 1min));
    for (Settlement& each : settlements) {
      each.outcome.usage.begun = std::chrono::system_clock::now();
    }
    RetryPolicy policy;
    policy.history = kept;
    return queue_.settle(std::move(settlements), policy);
  }

  std::vector<std::string> recorded() {
    std::vector<std::string> items;
    Admin admin{"q", options()};
    AttemptPage page;
    do {
      page = admin.attempts(page.next);
      for (const Attempt& each : page.attempts) items.push_back(each.item);
    } while (!page.next.empty());
    return items;
  }

  Queue queue_ = open_queue();
};

TEST_F(History, KeepsTheLastTriesInWholeCalls) {
  push(numbered("", 10));
  for (const std::size_t n : {1U, 4U, 2U, 3U}) settle(n, 5);
  EXPECT_THAT(recorded(), ElementsAre("5", "6", "7", "8", "9"));
  push({"10"});
  settle(1, 5);
  EXPECT_THAT(recorded(), ElementsAre("5", "6", "7", "8", "9", "10"))
      << "of the five, one is of a call with two";
}

TEST_F(History, IsReadInPagesWithNothingTwiceAndNothingMissing) {
  const std::vector<std::string> items = numbered("", 130);
  push(items);
  for (std::size_t i = 0; i < items.size(); ++i) settle(1, 1'000);
  EXPECT_EQ(recorded(), items);
}

TEST_F(History, LeavesOutATryThatWasRefused) {
  push({"a", "b", "c"});
  std::vector<Settlement> settlements = all_completed(queue_.lease(3, 1min));
  for (Settlement& each : settlements) each.outcome.usage.begun.emplace();
  redis_.call({"DEL", lease_key("b")});
  RetryPolicy policy;
  policy.history = 10;
  EXPECT_THAT(queue_.settle(std::move(settlements), policy),
              ElementsAre(Settled::accepted, Settled::lost, Settled::accepted));
  EXPECT_THAT(recorded(), ElementsAre("a", "c"));
}

TEST_F(History, BeginsAnewWhereItsCountWasTakenAway) {
  push({"a", "b", "c"});
  settle(2, 10);
  redis_.call({"HDEL", key(Key::stats), "tries"});
  EXPECT_THAT(settle(1, 10), Each(Settled::accepted));
  EXPECT_THAT(recorded(), ElementsAre("c"));
}

TEST_F(History, OfAnotherTypeStopsASettlementBeforeTheFirstWrite) {
  push({"a"});
  std::vector<Settlement> one = all_completed(queue_.lease(1, 1min));
  one[0].outcome.usage.begun.emplace();
  redis_.call({"SET", key(Key::history), "mine"});
  const std::vector<std::string> before = everything();
  RetryPolicy policy;
  policy.history = 1;
  EXPECT_THROW(static_cast<void>(queue_.settle(std::move(one), policy)), RefusedError);
  EXPECT_EQ(everything(), before);
  redis_.call({"DEL", key(Key::history)});
}

TEST_F(History, GoesWithAPurge) {
  push({"a"});
  settle(1, 10);
  EXPECT_THAT(recorded(), SizeIs(1));
  Admin{"q", options()}.purge();
  EXPECT_THAT(recorded(), IsEmpty());
  EXPECT_FALSE(redis_.exists(key(Key::history)));
}

TEST_F(History, ThatIsTooLongIsRefused) {
  push({"a"});
  EXPECT_THROW(settle(1, kMostHistory + 1), std::invalid_argument);
}

}  // namespace
}  // namespace wq::test
