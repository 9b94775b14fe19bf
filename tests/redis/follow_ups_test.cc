// Follow-ups that wait, and those to other queues.
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

class FollowUps : public QueueTest {
 protected:
  static FollowUp delayed(std::string item, std::chrono::milliseconds delay) {
    FollowUp follow_up(std::move(item));
    follow_up.delay = delay;
    return follow_up;
  }

  /// Pushes and leases an item, and completes it with these.
  Settled complete_with(std::vector<FollowUp> follow_ups) {
    push({"source"});
    Outcome outcome = Outcome::complete();
    outcome.follow_ups = std::move(follow_ups);
    return queue_.settle({{lease_one(queue_), std::move(outcome)}}).front();
  }

  [[nodiscard]] std::vector<std::string> leased_of_other() {
    std::vector<std::string> items;
    for (const Lease& each : other_.lease(10, 1min)) items.push_back(each.item);
    return items;
  }

  /// A new connection raises the fence.
  [[nodiscard]] std::vector<std::string> all_but_fence() {
    std::vector<std::string> found = everything();
    std::erase_if(found,
                  [this](const std::string& each) { return each.starts_with(key(Key::fence)); });
    return found;
  }

  Queue queue_ = open_queue();
  Queue other_{"other", options()};
};

TEST_F(FollowUps, GoToAnotherQueueWithTheCompletion) {
  EXPECT_EQ(complete_with({"a", FollowUp::to("other", "b"), FollowUp::to("q", "c"),
                           FollowUp::to("other", "d")}),
            Settled::accepted);
  EXPECT_THAT(all(Key::ready), ElementsAre("c", "a"));
  EXPECT_EQ(counts().pushed, 3U);
  const Counts other = other_.counts();
  EXPECT_EQ(other.pushed, 2U);
  EXPECT_EQ(other.ready, 2U);
  EXPECT_FALSE(other.id.empty());
  EXPECT_NE(other.id, counts().id);
  EXPECT_THAT(leased_of_other(), ElementsAre("b", "d"));
}

TEST_F(FollowUps, MakeTheOtherQueueAStageAfterTheirOwn) {
  complete_with({FollowUp::to("other", "a")});
  const Counts other = other_.counts();
  ASSERT_THAT(other.after, SizeIs(1));
  EXPECT_EQ(other.after.front().queue, "q");
  EXPECT_EQ(other.after.front().id, counts().id);
}

TEST_F(FollowUps, OfSeveralItemsGoWhereEachSays) {
  push({"a", "b", "c"});
  std::vector<Settlement> all_three = all_completed(queue_.lease(3, 1min));
  all_three[0].outcome.follow_ups = {FollowUp::to("other", "of a")};
  all_three[1].outcome.follow_ups = {"of b"};
  all_three[2].outcome.follow_ups = {FollowUp::to("third", "of c"), FollowUp::to("other", "of c")};
  EXPECT_THAT(queue_.settle(std::move(all_three)), Each(Settled::accepted));
  EXPECT_THAT(all(Key::ready), ElementsAre("of b"));
  EXPECT_THAT(leased_of_other(), ElementsAre("of a", "of c"));
  EXPECT_EQ(Queue("third", options()).counts().ready, 1U);
}

TEST_F(FollowUps, WithADelayWait) {
  FollowUp there = delayed("b", 1h);
  there.queue = "other";
  EXPECT_EQ(complete_with({delayed("a", 1h), there}), Settled::accepted);
  EXPECT_THAT(all(Key::delayed), ElementsAre("a"));
  EXPECT_THAT(all(Key::ready), IsEmpty());
  const Counts other = other_.counts();
  EXPECT_EQ(other.delayed, 1U);
  EXPECT_EQ(other.ready, 0U);
  EXPECT_EQ(other.pushed, 1U);
  EXPECT_GT(other_.last_due().value_or(0ms), 50min);
}

TEST_F(FollowUps, ThatAreEqualAndWaitBecomeOne) {
  complete_with({delayed("a", 1h), delayed("a", 2h)});
  EXPECT_THAT(all(Key::delayed), ElementsAre("a"));
  EXPECT_EQ(counts().merged, 1U);
  EXPECT_GT(queue_.last_due().value_or(0ms), 110min);
}

TEST_F(FollowUps, AreOnceInTheQueueThatTheyGoTo) {
  FollowUp page = FollowUp::once("page");
  page.queue = "other";
  complete_with({page, page, FollowUp::once("page")});
  EXPECT_THAT(all(Key::ready), ElementsAre("page"));
  EXPECT_THAT(leased_of_other(), ElementsAre("page"));
  Producer producer("other", options(), {.once = true});
  producer.push("page");
  EXPECT_EQ(producer.finish().skipped, 1U) << "its key was seen";
}

TEST_F(FollowUps, OfALostCompletionArePushedNowhere) {
  push({"source"});
  Outcome outcome = Outcome::complete();
  outcome.follow_ups = {FollowUp::to("other", "a")};
  const Lease lease = lease_one(queue_);
  redis_.call({"DEL", lease_key("source")});
  EXPECT_THAT(queue_.settle({{lease, outcome}}), ElementsAre(Settled::lost));
  EXPECT_FALSE(redis_.exists("other:stats"));
}

TEST_F(FollowUps, ChangeNothingIfAKeyIsInTheWay) {
  push({"source"});
  const Lease lease = lease_one(queue_);
  for (const char* key : {"other", "other:delayed", "other:stats", "other:seen"}) {
    redis_.call({"SET", key, "text"});
    const auto before = all_but_fence();
    Outcome outcome = Outcome::complete("result");
    outcome.follow_ups = {FollowUp::to("other", "a")};
    EXPECT_THROW(static_cast<void>(queue_.settle({{lease, outcome}})), RefusedError) << key;
    EXPECT_EQ(all_but_fence(), before) << key;
    redis_.call({"DEL", key});
  }
}

TEST_F(FollowUps, NeedAGoodNameOfAQueue) {
  push({"source"});
  Outcome outcome = Outcome::complete();
  outcome.follow_ups = {FollowUp::to("other:delayed", "a")};
  EXPECT_THROW(static_cast<void>(queue_.settle({{lease_one(queue_), outcome}})),
               std::invalid_argument);
}

}  // namespace
}  // namespace wq::test
