// Looking into a queue: workers, lists, single items.
#include <chrono>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include <wq/admin.h>

#include "queue/operations.h"
#include "support/queue_test.h"

namespace wq::test {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;

class AdminLooks : public QueueTest {
 protected:
  std::vector<std::string> page(ItemState state, std::string& place, std::size_t n) {
    ItemPage page = admin_.list(state, place, n);
    place = page.next;
    std::vector<std::string> items;
    for (ItemInfo& item : page.items) items.push_back(std::move(item.item));
    return items;
  }

  // Each of `items` fails for good.
  void kill(const std::vector<std::string>& items) {
    push(items);
    Queue queue = open_queue();
    for (std::size_t i = 0; i < items.size(); ++i) {
      ASSERT_EQ(queue.settle({{lease_one(queue), Outcome::fatal("no use")}}).front(),
                Settled::accepted);
    }
  }

  void say(const std::string& session, const std::string& entry) {
    redis_.call({"HSET", key(Key::workers), session, entry});
  }

  Admin admin_{"q", options()};
};

TEST_F(AdminLooks, ListsReadyItemsInTheOrderInWhichTheyAreLeased) {
  push(numbered("", 5));
  std::string place;
  EXPECT_THAT(page(ItemState::ready, place, 3), ElementsAre("0", "1", "2"));
  EXPECT_THAT(page(ItemState::ready, place, 3), ElementsAre("3", "4"));
  EXPECT_EQ(place, "");
}

TEST_F(AdminLooks, ListsEachReadyItemOnceWhileOthersComeAndGo) {
  push(numbered("", 8));
  std::string place;
  EXPECT_THAT(page(ItemState::ready, place, 4), ElementsAre("0", "1", "2", "3"));
  Queue queue = open_queue();
  ASSERT_EQ(queue.lease(2, 1min).size(), 2U);
  push({"late0", "late1", "late2"});
  EXPECT_THAT(page(ItemState::ready, place, 2), ElementsAre("4", "5"));
  ASSERT_EQ(queue.lease(5, 1min).size(), 5U);
  EXPECT_THAT(page(ItemState::ready, place, 9), ElementsAre("7", "late0", "late1", "late2"));
  EXPECT_EQ(place, "");
}

TEST_F(AdminLooks, ListsDeadItemsOnceWhileThoseShownAreRetried) {
  kill(numbered("", 6));
  std::string place;
  std::vector<std::string> shown;
  do {
    for (const std::string& item : page(ItemState::dead, place, 2)) {
      shown.push_back(item);
      if (shown.size() % 2 == 1) {
        ASSERT_THAT(admin_.retry({{item}}), ElementsAre(Changed::done));
      }
    }
  } while (!place.empty());
  EXPECT_THAT(shown, ElementsAreArray(numbered("", 6)));
}

TEST_F(AdminLooks, GoesOnAfterItemsOfAnyBytes) {
  const std::vector<std::string> items{std::string("a\0b", 3), "\xff:", ""};
  kill(items);
  std::string place;
  std::vector<std::string> shown;
  do {
    for (const std::string& item : page(ItemState::dead, place, 1)) shown.push_back(item);
  } while (!place.empty());
  EXPECT_THAT(shown, ::testing::UnorderedElementsAreArray(items));
}

TEST_F(AdminLooks, RefusesAPlaceThatIsNone) {
  for (const char* place : {"x", "dead:", "dead:1", "dead::", "ready:1:", "dead:1:0", "dead:1:zz",
                            "leased:1:", "dead:(1:61", "ready:-1:31"}) {
    const ItemState state = *place == 'r' ? ItemState::ready : ItemState::dead;
    EXPECT_THROW(static_cast<void>(admin_.list(state, place, 1)), std::invalid_argument) << place;
  }
  EXPECT_THROW(static_cast<void>(admin_.list(ItemState::dead, "", 0)), std::invalid_argument);
}

TEST_F(AdminLooks, KnowsWhoHoldsALeasedItem) {
  push({"a"});
  Queue queue = open_queue();
  const Lease lease = lease_one(queue, 1min);
  say(queue.session(), R"({"label":"me"})");
  const ItemPage leased = admin_.list(ItemState::leased, "", 10);
  ASSERT_EQ(leased.items.size(), 1U);
  EXPECT_EQ(leased.items[0].holder, queue.session());
  EXPECT_EQ(leased.items[0].worker, "me");
  EXPECT_EQ(leased.items[0].fence, lease.fence);
  EXPECT_GT(leased.items[0].left, 50s);
  EXPECT_LE(leased.items[0].left, 60s);
  end_lease("a");
  EXPECT_LT(admin_.inspect("a").found.at(0).left, 0s);
}

TEST_F(AdminLooks, TellsAPoppedItemWithoutALeaseFromOneOfARedisWqClient) {
  push({"a", "b"});
  redis_.call({"RPOPLPUSH", "q", "q:processing"});
  redis_.call({"RPOPLPUSH", "q", "q:processing"});
  redis_.call({"SETEX", lease_key("b"), "60", "0a1b2c3d-4e5f"});
  const ItemPage leased = admin_.list(ItemState::leased, "", 10);
  ASSERT_EQ(leased.items.size(), 2U);
  EXPECT_EQ(leased.items[0].item, "a");
  EXPECT_EQ(leased.items[0].holder, "");
  EXPECT_EQ(leased.items[1].holder, "0a1b2c3d-4e5f");
  EXPECT_EQ(leased.items[1].fence, 0U);
  EXPECT_GT(leased.items[1].left, 50s);
}

TEST_F(AdminLooks, InspectsAnItemThroughItsLife) {
  EXPECT_THAT(admin_.inspect("a").found, IsEmpty());
  push({"a"});
  EXPECT_EQ(admin_.inspect("a").found.at(0).state, ItemState::ready);
  Queue queue = open_queue();
  Failure failure;
  failure.kind = FailureKind::exit;
  failure.message = "exited with code 3";
  failure.exit_code = 3;
  failure.stdout_tail = "page 3\n";
  failure.stderr_tail = "oops\n";
  failure.cpu_time = 1'500ms;
  failure.wall_time = 2s;
  failure.host = "where";
  const RetryPolicy slow{.backoff_base = 1h, .backoff_max = 1h};
  ASSERT_EQ(queue.settle({{lease_one(queue), Outcome::fail(failure)}}, slow).front(),
            Settled::accepted);
  const ItemInfo delayed = admin_.inspect("a").found.at(0);
  EXPECT_EQ(delayed.state, ItemState::delayed);
  EXPECT_EQ(delayed.failures, 1U);
  ASSERT_TRUE(delayed.failure && delayed.failed_at && delayed.due);
  EXPECT_EQ(delayed.failure->kind, FailureKind::exit);
  EXPECT_EQ(delayed.failure->exit_code, 3);
  EXPECT_EQ(delayed.failure->stdout_tail, "page 3\n");
  EXPECT_EQ(delayed.failure->stderr_tail, "oops\n");
  EXPECT_EQ(delayed.failure->cpu_time, 1'500ms);
  EXPECT_EQ(delayed.failure->wall_time, 2s);
  EXPECT_EQ(delayed.failure->host, "where");
  EXPECT_GT(*delayed.due - *delayed.failed_at, 29min);
  ASSERT_THAT(admin_.retry({{"a"}}), ElementsAre(Changed::done));
  ASSERT_EQ(queue.settle({{lease_one(queue), Outcome::fatal("no use")}}).front(),
            Settled::accepted);
  const ItemInfo dead = admin_.inspect("a").found.at(0);
  EXPECT_EQ(dead.state, ItemState::dead);
  EXPECT_EQ(dead.died, dead.failed_at);
}

TEST_F(AdminLooks, SaysThatItDidNotLookThroughEverything) {
  push(numbered("", 20));
  EXPECT_FALSE(admin_.inspect("19", 10).complete);
  EXPECT_THAT(admin_.inspect("19", 10).found, IsEmpty());
  EXPECT_TRUE(admin_.inspect("19", 0).complete);
  EXPECT_EQ(admin_.inspect("19", 20).found.size(), 1U);
}

TEST_F(AdminLooks, PassesOverNonsenseInWhatOthersWrote) {
  kill({"a"});
  redis_.call({"HSET", key(Key::failures), hash_of("a"), R"({"kind":7,"at_ms":-1e300})"});
  redis_.call({"HSET", key(Key::attempts), hash_of("a"), "many"});
  const ItemInfo dead = admin_.inspect("a").found.at(0);
  EXPECT_EQ(dead.failures, 0U);
  EXPECT_EQ(dead.failed_at, ServerTime{});
  say("s", "{");
  say("t", R"({"label":7,"pid":-3,"holding":1e99,"seen_ms":18446744073709551615})");
  for (const WorkerInfo& worker : admin_.workers()) {
    EXPECT_EQ(worker.label, "");
    EXPECT_EQ(worker.pid, 0);
    EXPECT_GE(worker.silent, 0s);
  }
}

TEST_F(AdminLooks, ReadsAKindOfFailureOfANewerVersionAsOther) {
  kill({"a"});
  redis_.call({"HSET", key(Key::failures), hash_of("a"), R"({"kind":"overheated"})"});
  EXPECT_EQ(admin_.inspect("a").found.at(0).failure->kind, FailureKind::other);
  redis_.call({"HSET", key(Key::failures), hash_of("a"), R"({"kind":"protocol"})"});
  EXPECT_EQ(admin_.inspect("a").found.at(0).failure->kind, FailureKind::protocol);
}

TEST_F(AdminLooks, TheOldestLeaseIsThatOfALivingWorker) {
  EXPECT_EQ(oldest_lease(admin_.workers()), std::nullopt);
  const std::string now = std::to_string(redis_.time_ms());
  say("a", R"({"holding":1,"oldest_ms":5000,"seen_ms":)" + now + "}");
  say("b", R"({"holding":1,"oldest_ms":7000,"seen_ms":)" + now + "}");
  say("gone", R"({"holding":1,"oldest_ms":9000,"seen_ms":1})");
  const auto oldest = oldest_lease(admin_.workers());
  ASSERT_TRUE(oldest);
  EXPECT_GE(*oldest, 7s);
  EXPECT_LT(*oldest, 9s);
}

TEST_F(AdminLooks, LookingWritesNothing) {
  kill({"a"});
  push({"b", "c"});
  Queue queue = open_queue();
  ASSERT_EQ(queue.lease(1, 1min).size(), 1U);
  redis_.call({"PERSIST", lease_key("b")});  // or its expiry would differ
  const std::vector<std::string> before = everything();
  for (const ItemState state :
       {ItemState::ready, ItemState::leased, ItemState::delayed, ItemState::dead}) {
    static_cast<void>(admin_.list(state, "", 10));
  }
  static_cast<void>(admin_.inspect("a"));
  static_cast<void>(admin_.workers());
  EXPECT_EQ(everything(), before);
}

}  // namespace
}  // namespace wq::test
