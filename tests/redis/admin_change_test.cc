// Steering a queue: retry, drop, pause.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>

#include <wq/admin.h>
#include <wq/worker.h>

#include "base/glob.h"
#include "support/eventually.h"
#include "support/fault_proxy.h"
#include "support/queue_test.h"

namespace wq::test {
namespace {

using namespace std::chrono_literals;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class AdminChanges : public QueueTest {
 protected:
  void settle_all(const Outcome& outcome, std::size_t n) {
    Queue queue = open_queue();
    std::vector<Settlement> settlements;
    for (Lease& lease : queue.lease(n, 1min)) settlements.push_back({std::move(lease), outcome});
    ASSERT_EQ(settlements.size(), n);
    ASSERT_THAT(queue.settle(std::move(settlements), {.backoff_base = 1h, .backoff_max = 1h}),
                Each(Settled::accepted));
  }
  void push_dead(const std::vector<std::string>& items) {
    push(items);
    settle_all(Outcome::fatal("no use"), items.size());
  }

  Admin admin_{"q", options()};
};

TEST_F(AdminChanges, ARetriedDeadLetterHasAllItsAttemptsAgain) {
  push({"a"});
  settle_all(Outcome::fail("x"), 1);
  ASSERT_THAT(admin_.retry({{"a"}}), ElementsAre(Changed::done));
  settle_all(Outcome::fatal("y"), 1);
  redis_.call({"HSET", key(Key::crashes), hash_of("a"), "2"});
  EXPECT_EQ(redis_.text({"HGET", key(Key::attempts), hash_of("a")}), "1");

  EXPECT_THAT(admin_.retry({{"a", "b"}}), ElementsAre(Changed::done, Changed::absent));
  EXPECT_EQ(all(Key::ready), std::vector<std::string>{"a"});
  EXPECT_FALSE(redis_.exists(key(Key::attempts)));
  EXPECT_FALSE(redis_.exists(key(Key::crashes)));
  EXPECT_TRUE(redis_.exists(key(Key::failures))) << "why it died is still of interest";
  EXPECT_EQ(counts().died, 1U);
  settle_all(Outcome::complete(), 1);
  EXPECT_FALSE(redis_.exists(key(Key::failures)));
}

TEST_F(AdminChanges, ARetriedDelayedItemIsDueWithTheAttemptsItHasLeft) {
  push({"a"});
  settle_all(Outcome::fail("x"), 1);
  EXPECT_THAT(admin_.retry({{"a"}}), ElementsAre(Changed::done));
  EXPECT_EQ(all(Key::ready), std::vector<std::string>{"a"});
  EXPECT_EQ(redis_.text({"HGET", key(Key::attempts), hash_of("a")}), "1");
}

TEST_F(AdminChanges, WhatIsLeasedIsNeitherRetriedNorDropped) {
  push({"a"});
  Queue queue = open_queue();
  const Lease lease = lease_one(queue);
  const std::vector<std::string> before = all(Key::processing);
  EXPECT_THAT(admin_.retry({{"a"}}), ElementsAre(Changed::leased));
  for (const ItemState from : {ItemState::dead, ItemState::delayed, ItemState::ready}) {
    EXPECT_THAT(admin_.drop({{"a"}}, from), ElementsAre(Changed::leased));
  }
  EXPECT_THROW(static_cast<void>(admin_.drop({{"a"}}, ItemState::leased)), std::invalid_argument);
  EXPECT_EQ(all(Key::processing), before);
  EXPECT_EQ(queue.settle({completed(lease)}).front(), Settled::accepted);
}

TEST_F(AdminChanges, ARetryIsToldWholeInOneAnswer) {
  push_dead({"dead"});
  push({"held"});
  Queue queue = open_queue();
  const Lease lease = lease_one(queue);
  FaultProxy proxy(server_);
  proxy.lose_answer_to("EXISTS");
  EXPECT_THAT(Admin("q", proxy.options()).retry({{"dead", "held", "none"}}),
              ElementsAre(Changed::done, Changed::leased, Changed::absent));
}

TEST_F(AdminChanges, RetriesWhatMatchesAndNothingElse) {
  push_dead({"s-1", "s-2", "t-1", "s*"});
  EXPECT_EQ(admin_.retry_matching("s-?"), 2U);
  EXPECT_THAT(all(Key::ready), UnorderedElementsAre("s-1", "s-2"));
  EXPECT_EQ(admin_.retry_matching("s\\*"), 1U);
  EXPECT_EQ(admin_.retry_matching("*", ItemState::delayed), 0U);
  EXPECT_EQ(admin_.retry_matching("*"), 1U);
  EXPECT_THAT(all(Key::dead), IsEmpty());
}

TEST_F(AdminChanges, RetriesManyInSteps) {
  const auto items = numbered("item", 900);
  push_dead(items);
  EXPECT_EQ(admin_.retry_matching("*"), 900U);
  EXPECT_EQ(counts().ready, 900U);
}

TEST_F(AdminChanges, DroppedItemsAreCountedAndForgotten) {
  push({"a", "b", "c"});
  settle_all(Outcome::fail("x"), 1);
  settle_all(Outcome::fatal("x"), 1);
  EXPECT_THAT(admin_.drop({{"a", "b"}}), ElementsAre(Changed::absent, Changed::done));
  EXPECT_THAT(admin_.drop({{"a"}}, ItemState::delayed), ElementsAre(Changed::done));
  EXPECT_THAT(admin_.drop({{"c", "c"}}, ItemState::ready),
              ElementsAre(Changed::done, Changed::absent));
  EXPECT_EQ(counts().dropped, 3U);
  for (const Key gone : {Key::ready, Key::dead, Key::delayed, Key::attempts, Key::failures}) {
    EXPECT_FALSE(redis_.exists(key(gone))) << key(gone);
  }
}

TEST_F(AdminChanges, DroppingWhatMatchesLeavesTheOthersInTheirOrder) {
  push(numbered("x", 30));
  push({std::string("a\0b", 3), "a\nb", "a%b"});
  EXPECT_EQ(admin_.drop_matching("x[0-9]", ItemState::ready), 10U);
  EXPECT_EQ(admin_.drop_matching("a?b", ItemState::ready), 3U);
  const std::vector<std::string> left = items_of(open_queue().lease(50, 1min));
  auto expected = numbered("x", 30);
  expected.erase(expected.begin(), expected.begin() + 10);
  EXPECT_EQ(left, expected);
  EXPECT_EQ(admin_.drop_matching("*", ItemState::ready), 0U);
}

TEST_F(AdminChanges, DroppingAllOfALongListTakesAll) {
  push(numbered("item", 3'000));
  EXPECT_EQ(admin_.drop_matching("*", ItemState::ready), 3'000U);
  EXPECT_EQ(counts().dropped, 3'000U);
  EXPECT_TRUE(counts().drained());
}

// Called before each step of a drop that goes through ready.
class DropsFromReady : public AdminChanges {
 protected:
  using Step = std::function<void(int)>;
  std::uint64_t drop(std::string_view pattern, const Step& before) {
    internal::load_scripts(redis_.connection(), {&internal::scripts::drop_ready});
    int steps = 0;
    proxy_.watch([&](std::string_view bytes) {
      const std::string_view sha = internal::scripts::drop_ready.sha1;
      if (bytes.find(sha) != std::string_view::npos) before(steps++);
    });
    const std::uint64_t dropped =
        Admin("q", proxy_.options()).drop_matching(pattern, ItemState::ready);
    proxy_.watch({});
    EXPECT_GT(steps, 1);
    return dropped;
  }

  FaultProxy proxy_{server_};
};

TEST_F(DropsFromReady, LeavesWhatWasPushedLaterThoughWorkersPopMeanwhile) {
  push(numbered("old", 40));
  Queue queue = open_queue();
  std::vector<Lease> leases;
  const std::uint64_t dropped = drop("*", [&](int step) {
    if (step != 1) return;
    push(numbered("new", 20));
    leases = queue.lease(10, 1min);
  });
  EXPECT_EQ(leases.size(), 10U);
  EXPECT_EQ(dropped, 30U);
  std::vector<std::string> left = numbered("new", 20);
  std::reverse(left.begin(), left.end());
  EXPECT_EQ(all(Key::ready), left);
}

TEST_F(DropsFromReady, ReachesTheLastThoughOthersComeBackMeanwhile) {
  push(numbered("", 40));
  Queue queue = open_queue();
  std::vector<Lease> leases = queue.lease(10, 1min);
  const std::uint64_t dropped = drop("39", [&](int step) {
    if (step != 1) return;
    std::vector<Settlement> back;
    for (Lease& lease : leases) back.push_back({std::move(lease), Outcome::release(0ms)});
    EXPECT_THAT(queue.settle(std::move(back)), Each(Settled::accepted));
  });
  EXPECT_EQ(dropped, 1U);
  EXPECT_EQ(counts().ready, 39U);
}

TEST_F(DropsFromReady, KeepsTheOrderThoughItemsAreHandedBackMeanwhile) {
  push({"late"});
  redis_.call({"RPOPLPUSH", key(Key::ready), key(Key::processing)});
  const std::vector<std::string> items = numbered("", 40);
  push(items);
  // As a reclaimer does.
  const std::uint64_t dropped = drop("39", [&](int step) {
    if (step != 1) return;
    raw_script(internal::scripts::requeue, {lease_key("late")}, {"late"}).checked();
  });
  EXPECT_EQ(dropped, 1U);
  std::vector<std::string> left = all(Key::ready);
  EXPECT_EQ(std::erase(left, "late"), 1U);
  EXPECT_TRUE(std::equal(left.begin(), left.end(), items.rbegin() + 1, items.rend()));
}

TEST_F(DropsFromReady, DropsNothingThatCameLaterThoughAnAnswerIsLost) {
  push(numbered("old", 40));
  proxy_.lose_answer_to(internal::scripts::drop_ready.sha1);
  static_cast<void>(drop("new*", [&](int step) {
    if (step == 0) push(numbered("new", 20));
  }));
  EXPECT_EQ(proxy_.faults(), 1U);
  EXPECT_EQ(counts().dropped, 0U);
  EXPECT_EQ(counts().ready, 60U);
}

TEST_F(DropsFromReady, ForgetsFailuresUnlessAnEqualItemIsLeased) {
  push({"held", "gone"});
  settle_all(Outcome::fail("x"), 2);
  ASSERT_EQ(admin_.retry_matching("*", ItemState::delayed), 2U);
  Queue queue = open_queue();
  std::vector<Lease> leases = queue.lease(2, 1min);
  ASSERT_EQ(
      queue.settle({{std::move(leases[leases[0].item == "gone" ? 0 : 1]), Outcome::release(0ms)}})
          .front(),
      Settled::accepted);
  push({"held"});
  EXPECT_EQ(admin_.drop_matching("*", ItemState::ready), 2U);
  EXPECT_EQ(redis_.text({"HGET", key(Key::attempts), hash_of("held")}), "1");
  EXPECT_EQ(redis_.text({"HGET", key(Key::attempts), hash_of("gone")}), std::nullopt);
  EXPECT_EQ(redis_.text({"HGET", key(Key::failures), hash_of("gone")}), std::nullopt);
}

TEST_F(DropsFromReady, AListOfReadyItemsPassesOverNothingMeanwhile) {
  push(numbered("", 60));
  std::set<std::string> shown;
  std::string place;
  const auto show = [&] {
    ItemPage page = admin_.list(ItemState::ready, place, 5);
    place = page.next;
    for (ItemInfo& item : page.items) shown.insert(std::move(item.item));
  };
  show();
  static_cast<void>(drop("5", [&](int) {
    if (!place.empty()) show();
  }));
  while (!place.empty()) show();
  EXPECT_EQ(shown.size(), 60U);
}

TEST_F(AdminChanges, APausedQueueGivesOutNothingAndIsNotDrained) {
  EXPECT_TRUE(admin_.pause());
  EXPECT_FALSE(admin_.pause());
  push({"a"});
  Queue queue = open_queue();
  EXPECT_THAT(queue.lease(1, 1min), IsEmpty());
  EXPECT_TRUE(admin_.resume());
  EXPECT_FALSE(admin_.resume());
  settle_all(Outcome::complete(), 1);
  EXPECT_TRUE(counts().drained());
  EXPECT_TRUE(admin_.pause());
  EXPECT_FALSE(counts().drained());
}

TEST_F(AdminChanges, AWorkerThatWaitsForItemsKeepsToAPauseWithinASecond) {
  push({"first"});
  std::atomic<int> handled = 0;
  Worker worker("q", options(), WorkerOptions{}, [&](const Job&) {
    ++handled;
    return Outcome::complete();
  });
  Producer holds_it_open("q", options());
  std::jthread runs([&] { static_cast<void>(worker.run()); });
  ASSERT_TRUE(eventually([&] { return handled == 1; }));
  ASSERT_TRUE(eventually([&] {  // it blocks
    return redis_.text({"CLIENT", "LIST"}).value().find("cmd=brpoplpush") != std::string::npos;
  }));
  ASSERT_TRUE(admin_.pause());
  const auto paused_at = BootClock::now();
  ASSERT_TRUE(eventually([&] {
    return redis_.text({"CLIENT", "LIST"}).value().find("cmd=brpoplpush") == std::string::npos;
  }));
  EXPECT_LT(BootClock::now() - paused_at, 1500ms);
  push({"second"});
  ASSERT_TRUE(eventually([&] { return BootClock::now() - paused_at > 2500ms; }));
  EXPECT_EQ(handled, 1);
  ASSERT_TRUE(admin_.resume());
  ASSERT_TRUE(eventually([&] { return handled == 2; }));
  static_cast<void>(holds_it_open.finish());
}

TEST_F(AdminChanges, RetryAndDropDuringADrainLoseNothingAndRunNothingAtTheSameTime) {
  constexpr std::size_t kItems = 2'000;
  push(numbered("", kItems));
  std::mutex mutex;
  std::set<std::string> running;
  std::atomic<bool> twice = false;
  WorkerOptions options;
  options.concurrency = 4;
  options.halt_after = 0;
  options.retry = {.max_attempts = 2, .backoff_base = 1ms, .backoff_max = 20ms};
  Worker worker("q", this->options(), options, [&](const Job& job) {
    const std::string item(job.item);
    {
      const std::lock_guard lock(mutex);
      if (!running.insert(item).second) twice = true;
    }
    std::this_thread::yield();
    const std::lock_guard lock(mutex);
    running.erase(item);
    return item.ends_with('3') ? Outcome::fail("3") : Outcome::complete();
  });
  std::jthread runs([&] { static_cast<void>(worker.run()); });
  std::uint64_t dropped = 0;
  for (int round = 0; round < 20; ++round) {
    admin_.retry_matching("*1?");
    admin_.retry_matching("*", ItemState::delayed);
    dropped += admin_.drop_matching("*9?", ItemState::dead);
    dropped += admin_.drop_matching("*7", ItemState::ready);
    static_cast<void>(admin_.retry({{"3", "13", "23"}}));
    if (round % 5 == 0) admin_.pause();
    expect_conserved();
    admin_.resume();
  }
  runs.join();
  EXPECT_FALSE(twice);
  const Counts now = counts();
  EXPECT_EQ(now.dropped, dropped);
  EXPECT_EQ(now.completed + now.dead + now.dropped, kItems);
  EXPECT_EQ(now.merged, 0U);
}

TEST_F(AdminChanges, APatternOfManyStarsDoesNotHoldRedisUp) {
  push({std::string(10'000, 'a'), "aab", "b"});
  redis_.call({"CONFIG", "SET", "slowlog-log-slower-than", "100000"});
  redis_.call({"SLOWLOG", "RESET"});
  EXPECT_EQ(admin_.drop_matching("*a*a*a*a*a*b", ItemState::ready), 0U);
  EXPECT_EQ(admin_.drop_matching("*a*a*b", ItemState::ready), 1U);
  EXPECT_EQ(counts().ready, 2U);
  EXPECT_EQ(redis_.integer({"SLOWLOG", "LEN"}), 0);
}

TEST(LuaPatterns, SayWhatAGlobSays) {
  const auto patterns = [](std::string_view glob) { return internal::lua_patterns(glob); };
  EXPECT_THAT(patterns("a*b?"), ElementsAre("^a", "b.$"));
  EXPECT_THAT(patterns("**"), ElementsAre("^", "$"));
  EXPECT_THAT(patterns("a**b*c"), ElementsAre("^a", "b", "c$"));
  EXPECT_THAT(patterns(""), ElementsAre("^$"));
  EXPECT_THAT(patterns("a.b-%"), ElementsAre("^a%.b%-%%$"));
  EXPECT_THAT(patterns("\\*\\\\"), ElementsAre("^%*%\\$"));
  EXPECT_THAT(patterns("[a-c]"), ElementsAre("^[abc]$"));
  EXPECT_THAT(patterns("[c-a"), ElementsAre("^[abc]$"));
  EXPECT_THAT(patterns("[\\]^]"), ElementsAre("^[%]%^]$"));
  EXPECT_THAT(patterns(std::string("\0", 1)), ElementsAre("^%z$"));
  EXPECT_EQ(internal::literal_glob("a*[b]"), "a\\*\\[b\\]");
}

}  // namespace
}  // namespace wq::test
