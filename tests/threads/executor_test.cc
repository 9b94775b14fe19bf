#include "worker/executor.h"

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/eventually.h"

namespace wq::internal {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using Kind = Outcome::Kind;

Lease new_lease(std::string item, std::uint64_t fence = 0, std::uint32_t crashes = 0) {
  Lease lease;
  lease.item = std::move(item);
  lease.fence = fence;
  lease.crashes = crashes;
  return lease;
}

WorkerOptions executor_options(unsigned concurrency, std::size_t batch,
                               std::chrono::milliseconds timeout) {
  WorkerOptions options;
  options.concurrency = concurrency;
  options.batch = batch;
  options.timeout = timeout;
  return options;
}

std::vector<Outcome> all(const Batch& batch, const Outcome& outcome) {
  return std::vector<Outcome>(batch.leases.size(), outcome);
}

// A gate at which handlers wait until it is opened or they are told to stop.
class Gate {
 public:
  // False if told to stop.
  bool pass(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    ++inside_;
    changed_.notify_all();
    const bool opened = changed_.wait(lock, stop, [this] { return open_; });
    --inside_;
    changed_.notify_all();
    return opened;
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void wait_for_handlers(int n) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return inside_ == n; });
  }
  int handlers() {
    const std::lock_guard lock(mutex_);
    return inside_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool open_ = false;
  int inside_ = 0;
};

std::vector<Settlement> finished(Executor& executor, std::size_t n) {
  std::vector<Settlement> taken;
  EXPECT_TRUE(eventually([&] {
    for (Settlement& each : executor.take_finished(0, 1'000)) taken.push_back(std::move(each));
    return taken.size() >= n;
  }));
  return taken;
}

TEST(Executor, RunWhatTheyAreGivenInOrder) {
  Executor executor(executor_options(1, 1, 0ms), {"q"}, [](const Batch& batch) {
    return all(batch, Outcome::complete("done " + batch.leases[0].item));
  });
  executor.give(0, {new_lease("a"), new_lease("b")}, BootClock::now());
  const auto settled = finished(executor, 2);
  ASSERT_THAT(settled, SizeIs(2));
  EXPECT_EQ(settled[0].lease.item, "a");
  EXPECT_EQ(settled[0].outcome.result, "done a");
  EXPECT_EQ(settled[1].lease.item, "b");
}

TEST(Executor, RunAsManyAtATimeAsThereAre) {
  Gate gate;
  std::mutex mutex;
  std::set<unsigned> numbers;
  Executor executor(executor_options(3, 1, 0ms), {"q"}, [&](const Batch& batch) {
    {
      const std::lock_guard lock(mutex);
      numbers.insert(batch.slot);
    }
    gate.pass(batch.stop);
    return all(batch, Outcome::complete());
  });
  executor.give(0, {new_lease("a"), new_lease("b"), new_lease("c"), new_lease("d")},
                BootClock::now());
  gate.wait_for_handlers(3);
  const Executor::Load load = executor.load();
  EXPECT_EQ(load.running, 3U);
  EXPECT_EQ(load.waiting, 1U);
  gate.open();
  EXPECT_THAT(finished(executor, 4), SizeIs(4));
  EXPECT_THAT(numbers, ElementsAre(0, 1, 2));
}

TEST(Executor, GiveABatchUpToItsSize) {
  std::vector<std::size_t> sizes;
  Gate gate;
  Executor executor(executor_options(1, 3, 0ms), {"q"}, [&](const Batch& batch) {
    sizes.push_back(batch.leases.size());
    if (batch.leases[0].item == "first") gate.pass(batch.stop);
    return all(batch, Outcome::complete());
  });
  executor.give(0, {new_lease("first")}, BootClock::now());
  gate.wait_for_handlers(1);
  executor.give(0, {new_lease("a"), new_lease("b"), new_lease("c"), new_lease("d")},
                BootClock::now());
  gate.open();
  EXPECT_THAT(finished(executor, 5), SizeIs(5));
  EXPECT_THAT(sizes, ElementsAre(1, 3, 1));
}

TEST(Executor, TakeAnExceptionForAFailureOfTheWholeBatch) {
  Executor executor(executor_options(1, 2, 0ms), {"q"}, [](const Batch&) -> std::vector<Outcome> {
    throw std::runtime_error("what it said");
  });
  executor.give(0, {new_lease("a"), new_lease("b")}, BootClock::now());
  for (const Settlement& each : finished(executor, 2)) {
    EXPECT_EQ(each.outcome.kind, Kind::fail);
    EXPECT_EQ(each.outcome.failure.message, "what it said");
  }
}

TEST(Executor, TakeAnythingElseThatIsThrownForAFailure) {
  Executor executor(executor_options(1, 1, 0ms), {"q"},
                    [](const Batch&) -> std::vector<Outcome> { throw 42; });
  executor.give(0, {new_lease("a")}, BootClock::now());
  EXPECT_EQ(finished(executor, 1).at(0).outcome.kind, Kind::fail);
}

TEST(Executor, TakeAWrongNumberOfOutcomesForAFailure) {
  Executor executor(executor_options(1, 2, 0ms), {"q"},
                    [](const Batch&) { return std::vector<Outcome>(5); });
  executor.give(0, {new_lease("a"), new_lease("b")}, BootClock::now());
  const auto settled = finished(executor, 2);
  EXPECT_EQ(settled.at(0).outcome.kind, Kind::fail);
  EXPECT_THAT(settled.at(0).outcome.failure.message, HasSubstr("5 outcomes"));
}

TEST(Executor, ReleaseTheItemsOfAHandlerThatCannotRunAndKeepItsWords) {
  Executor executor(executor_options(1, 1, 0ms), {"q"}, [](const Batch&) -> std::vector<Outcome> {
    throw CannotRun("no such program");
  });
  EXPECT_FALSE(executor.cannot_run());
  executor.give(0, {new_lease("a")}, BootClock::now());
  const auto settled = finished(executor, 1);
  EXPECT_EQ(settled.at(0).outcome.kind, Kind::release);
  EXPECT_EQ(settled.at(0).outcome.release_delay, 0ms);
  EXPECT_THROW(std::rethrow_exception(executor.cannot_run()), CannotRun);
}

// One slot whose handler is inside the gate, with fences 1 and 2; fence 3 waits.
class BusyExecutor : public ::testing::Test {
 protected:
  explicit BusyExecutor(std::chrono::milliseconds timeout = 0ms)
      : executor_(executor_options(1, 2, timeout), {"q"}, [this](const Batch& batch) {
          if (gate_.pass(batch.stop)) return all(batch, Outcome::fail("as it happens"));
          return all(batch, when_told_);
        }) {
    executor_.give(0, {new_lease("a", 1), new_lease("b", 2)}, given_at_);
    gate_.wait_for_handlers(1);
    executor_.give(0, {new_lease("c", 3)}, given_at_);
  }

  static std::map<std::string, Kind> kinds(const std::vector<Settlement>& settled) {
    std::map<std::string, Kind> found;
    for (const Settlement& each : settled) found[each.lease.item] = each.outcome.kind;
    return found;
  }

  Outcome when_told_ = Outcome::fail("told to stop");
  Gate gate_;
  TimePoint given_at_ = BootClock::now();
  Executor executor_;
};

TEST_F(BusyExecutor, TellTheHandlerWhoseLeaseIsLostAndReleaseItsItems) {
  executor_.lose(0, std::vector<std::uint64_t>{2});
  const auto settled = finished(executor_, 2);
  EXPECT_THAT(kinds(settled),
              ElementsAre(std::pair("a", Kind::release), std::pair("b", Kind::release)));
  EXPECT_THAT(settled, Each(::testing::Field(&Settlement::outcome,
                                             ::testing::Field(&Outcome::release_delay, 0ms))));
  gate_.open();
  EXPECT_THAT(kinds(finished(executor_, 1)), ElementsAre(std::pair("c", Kind::fail)));
}

TEST_F(BusyExecutor, KeepACompletionOfAHandlerThatWasTold) {
  when_told_ = Outcome::complete("just in time");
  executor_.lose(0, std::vector<std::uint64_t>{1});
  EXPECT_THAT(kinds(finished(executor_, 2)),
              ElementsAre(std::pair("a", Kind::complete), std::pair("b", Kind::complete)));
}

TEST_F(BusyExecutor, GiveUpAWaitingItemWhoseLeaseIsLost) {
  executor_.lose(0, std::vector<std::uint64_t>{3, 99});
  EXPECT_THAT(kinds(finished(executor_, 1)), ElementsAre(std::pair("c", Kind::release)));
  EXPECT_EQ(executor_.load().waiting, 0U);
  EXPECT_EQ(executor_.load().running, 2U);
}

TEST_F(BusyExecutor, TakeBackWhatNobodyBegan) {
  EXPECT_THAT(executor_.take_back(given_at_ - 1ns), IsEmpty());
  const auto back = executor_.take_back(given_at_);
  ASSERT_THAT(back, SizeIs(1));
  EXPECT_EQ(back[0].lease.item, "c");
  EXPECT_THAT(executor_.take_back(given_at_), IsEmpty());
  EXPECT_EQ(executor_.load().waiting, 0U);
}

TEST_F(BusyExecutor, LeaveTellsTheHandlersAndReleasesWhatWaits) {
  executor_.leave();
  executor_.leave();
  EXPECT_THAT(kinds(finished(executor_, 3)),
              ElementsAre(std::pair("a", Kind::release), std::pair("b", Kind::release),
                          std::pair("c", Kind::release)));
  executor_.give(0, {new_lease("d", 4)}, given_at_);
  EXPECT_THAT(executor_.take_back(given_at_), SizeIs(1));
}

TEST_F(BusyExecutor, WithoutATimeoutLetHandlersRunForEver) {
  executor_.enforce_timeout(BootClock::now() + 24h);
  gate_.open();
  EXPECT_THAT(kinds(finished(executor_, 3)),
              ElementsAre(std::pair("a", Kind::fail), std::pair("b", Kind::fail),
                          std::pair("c", Kind::fail)));
}

TEST_F(BusyExecutor, TakeNoMoreThanAsked) {
  gate_.open();
  EXPECT_TRUE(eventually([this] { return executor_.load().finished == 3; }));
  EXPECT_THAT(executor_.take_finished(0, 2), SizeIs(2));
  EXPECT_THAT(executor_.take_finished(0, 2), SizeIs(1));
  EXPECT_THAT(executor_.take_finished(0, 2), IsEmpty());
}

TEST_F(BusyExecutor, APokeEndsAWait) {
  executor_.poke();
  const auto begin = BootClock::now();
  executor_.wait(begin + 1min);
  EXPECT_LT(BootClock::now() - begin, 30s);
}

class ExecutorWithTimeout : public BusyExecutor {
 protected:
  ExecutorWithTimeout() : BusyExecutor(1min) {}
};

TEST_F(ExecutorWithTimeout, TellAHandlerThatTakesTooLongAndFailItsItems) {
  when_told_ = Outcome::release();
  executor_.enforce_timeout(BootClock::now() + 59s);
  EXPECT_THAT(executor_.take_finished(0, 10), IsEmpty());
  executor_.enforce_timeout(BootClock::now() + 1min);
  executor_.lose(0, std::vector<std::uint64_t>{1});  // the first reason counts
  for (const Settlement& each : finished(executor_, 2)) {
    EXPECT_EQ(each.outcome.kind, Kind::fail);
    EXPECT_EQ(each.outcome.failure.kind, FailureKind::timeout);
    EXPECT_THAT(each.outcome.failure.message, HasSubstr("longer than"));
  }
  gate_.open();
  EXPECT_EQ(finished(executor_, 1).at(0).outcome.failure.kind, FailureKind::error);
}

TEST(Executor, KnowHowLongAnItemTakesAndHowLargeItIs) {
  Executor executor(executor_options(1, 1, 0ms), {"q"},
                    [](const Batch& batch) { return all(batch, Outcome::complete()); });
  EXPECT_FALSE(executor.load().per_item.has_value());
  executor.give(0, {new_lease(std::string(1'000, 'x'))}, BootClock::now());
  static_cast<void>(finished(executor, 1));
  EXPECT_TRUE(executor.load().per_item.has_value());
  EXPECT_GT(executor.load().item_bytes, 0U);
}

// ---- batches ----

TEST(Executor, BeginAllThatIsGivenAtOnceThoughFewAreWokenAtATime) {
  constexpr int kSlots = 64;
  Gate gate;
  Executor executor(executor_options(kSlots, 1, 0ms), {"q"}, [&](const Batch& batch) {
    gate.pass(batch.stop);
    return all(batch, Outcome::complete());
  });
  std::vector<Lease> leases;
  for (int i = 0; i < kSlots; ++i) leases.push_back(new_lease(std::to_string(i)));
  executor.give(0, std::move(leases), BootClock::now());
  gate.wait_for_handlers(kSlots);
  gate.open();
  EXPECT_THAT(finished(executor, kSlots), SizeIs(kSlots));
}

TEST(Executor, SettleAnItemBeforeTheRestOfItsBatch) {
  Gate gate;
  Executor executor(executor_options(1, 3, 0ms), {"q"}, [&](const Batch& batch) {
    batch.settle(1, Outcome::complete("early"));
    EXPECT_THROW(batch.settle(1, Outcome::complete()), std::invalid_argument);
    EXPECT_THROW(batch.settle(3, Outcome::complete()), std::invalid_argument);
    gate.pass(batch.stop);
    return all(batch, Outcome::fail("late"));
  });
  executor.give(0, {new_lease("a"), new_lease("b"), new_lease("c")}, BootClock::now());
  const auto early = finished(executor, 1);
  EXPECT_EQ(early.at(0).lease.item, "b");
  EXPECT_EQ(early.at(0).outcome.result, "early");
  gate.wait_for_handlers(1);
  EXPECT_EQ(executor.load().running, 2U);
  gate.open();
  const auto late = finished(executor, 2);
  EXPECT_EQ(late.at(0).lease.item, "a");
  EXPECT_EQ(late.at(1).lease.item, "c");
  EXPECT_EQ(late.at(1).outcome.kind, Kind::fail);
}

TEST(Executor, NeedNoOutcomesOfABatchThatIsSettled) {
  Executor executor(executor_options(1, 2, 0ms), {"q"}, [](const Batch& batch) {
    for (std::size_t i = 0; i < batch.leases.size(); ++i) batch.settle(i, Outcome::complete());
    return std::vector<Outcome>();
  });
  executor.give(0, {new_lease("a"), new_lease("b")}, BootClock::now());
  for (const Settlement& each : finished(executor, 2)) EXPECT_EQ(each.outcome.kind, Kind::complete);
}

TEST(Executor, DoNotTellAHandlerOfALostLeaseThatItHasSettled) {
  Gate gate;
  Executor executor(executor_options(1, 2, 0ms), {"q"}, [&](const Batch& batch) {
    batch.settle(0, Outcome::complete());
    return all(batch, gate.pass(batch.stop) ? Outcome::complete() : Outcome::fail("told"));
  });
  executor.give(0, {new_lease("a", 1), new_lease("b", 2)}, BootClock::now());
  gate.wait_for_handlers(1);
  executor.lose(0, std::vector<std::uint64_t>{1});
  gate.open();
  for (const Settlement& each : finished(executor, 2)) EXPECT_EQ(each.outcome.kind, Kind::complete);
}

// ---- several queues ----

TEST(AnExecutorOfTwoQueues, NeverMixesThemInABatch) {
  std::mutex mutex;
  std::vector<std::pair<std::string, std::vector<std::string>>> batches;
  Gate gate;
  Executor executor(executor_options(1, 10, 0ms), {"one", "two"}, [&](const Batch& batch) {
    {
      const std::lock_guard lock(mutex);
      auto& items = batches.emplace_back(batch.queue, std::vector<std::string>{}).second;
      for (const Lease& each : batch.leases) items.push_back(each.item);
    }
    if (batch.leases[0].item == "first") gate.pass(batch.stop);
    return all(batch, Outcome::complete());
  });
  executor.give(0, {new_lease("first", 1)}, BootClock::now());
  gate.wait_for_handlers(1);
  executor.give(1, {new_lease("a", 1)}, BootClock::now());
  executor.give(0, {new_lease("b", 2), new_lease("c", 3)}, BootClock::now());
  executor.give(1, {new_lease("d", 2)}, BootClock::now());
  gate.open();
  EXPECT_TRUE(eventually([&] { return executor.load().finished == 5; }));
  EXPECT_THAT(batches, ElementsAre(std::pair("one", std::vector<std::string>{"first"}),
                                   std::pair("two", std::vector<std::string>{"a", "d"}),
                                   std::pair("one", std::vector<std::string>{"b", "c"})));
  EXPECT_THAT(executor.take_finished(0, 10), SizeIs(3));
  EXPECT_THAT(executor.take_finished(1, 10), SizeIs(2));
}

TEST(AnExecutorOfTwoQueues, LosesALeaseOfOneAndNotItsEqualOfTheOther) {
  Gate gate;
  Executor executor(executor_options(2, 1, 0ms), {"one", "two"}, [&](const Batch& batch) {
    return all(batch, gate.pass(batch.stop) ? Outcome::complete() : Outcome::fail("told"));
  });
  executor.give(0, {new_lease("runs", 1)}, BootClock::now());
  executor.give(1, {new_lease("runs too", 1)}, BootClock::now());
  gate.wait_for_handlers(2);
  executor.give(0, {new_lease("waits", 2)}, BootClock::now());
  executor.give(1, {new_lease("waits too", 2)}, BootClock::now());
  executor.lose(1, std::vector<std::uint64_t>{2});
  const auto waited = executor.take_finished(1, 10);
  ASSERT_THAT(waited, SizeIs(1));
  EXPECT_EQ(waited[0].lease.item, "waits too");
  executor.lose(1, std::vector<std::uint64_t>{1});
  EXPECT_TRUE(eventually([&] { return executor.load().finished == 1; }));
  const auto ran = executor.take_finished(1, 10);
  ASSERT_THAT(ran, SizeIs(1));
  EXPECT_EQ(ran[0].lease.item, "runs too");
  EXPECT_EQ(ran[0].outcome.kind, Kind::release);
  gate.open();
  for (const Settlement& each : finished(executor, 2)) {
    EXPECT_EQ(each.outcome.kind, Kind::complete);
  }
}

TEST(AnExecutorOfTwoQueues, KeepsWhatWasSetAsideOfOneWhenItsEqualOfTheOtherIsLost) {
  Executor executor(executor_options(1, 1, 0ms), {"one", "two"},
                    [](const Batch& batch) { return all(batch, Outcome::complete()); });
  executor.set_aside({1, new_lease("alone", 7)});
  executor.lose(0, std::vector<std::uint64_t>{7});
  ASSERT_TRUE(executor.aside());
  executor.lose(1, std::vector<std::uint64_t>{7});
  EXPECT_FALSE(executor.aside());
  EXPECT_THAT(executor.take_finished(1, 10), SizeIs(1));
}

// ---- batches that are gathered ----

class ExecutorThatGathers : public ::testing::Test {
 protected:
  std::vector<std::vector<std::string>> batches() {
    const std::lock_guard lock(mutex_);
    return batches_;
  }

  BatchHandler handler() {
    return [this](const Batch& batch) {
      const std::lock_guard lock(mutex_);
      batches_.emplace_back();
      for (const Lease& each : batch.leases) batches_.back().push_back(each.item);
      return all(batch, Outcome::complete());
    };
  }

  static WorkerOptions patient(std::size_t batch, std::chrono::milliseconds delay) {
    WorkerOptions patient = executor_options(1, batch, 0ms);
    patient.max_delay = delay;
    return patient;
  }

 private:
  std::mutex mutex_;
  std::vector<std::vector<std::string>> batches_;
};

TEST_F(ExecutorThatGathers, HandOutABatchWhenItIsFull) {
  Executor executor(patient(3, 24h), {"q"}, handler());
  executor.give(0, {new_lease("a"), new_lease("b")}, BootClock::now());
  EXPECT_EQ(executor.load().waiting, 2U);
  executor.give(0, {new_lease("c"), new_lease("d")}, BootClock::now());
  EXPECT_THAT(finished(executor, 3), SizeIs(3));
  EXPECT_EQ(executor.load().waiting, 1U);
  EXPECT_THAT(batches(), ElementsAre(ElementsAre("a", "b", "c")));
}

TEST_F(ExecutorThatGathers, HandOutABatchAtOnceWhenNothingMoreComes) {
  Executor executor(patient(3, 24h), {"q"}, handler());
  executor.give(0, {new_lease("a"), new_lease("b")}, BootClock::now());
  executor.expect_more(0, true);
  EXPECT_EQ(executor.load().waiting, 2U);
  executor.expect_more(0, false);
  EXPECT_THAT(finished(executor, 2), SizeIs(2));
  EXPECT_THAT(batches(), ElementsAre(ElementsAre("a", "b")));
}

TEST(Executor, GiveASlotItsSecondCallOnlyWhenEachHasItsFirst) {
  Gate gate;
  std::mutex mutex;
  std::vector<unsigned> numbers;
  WorkerOptions two = executor_options(3, 1, 0ms);
  two.calls_per_slot = 2;
  Executor executor(two, {"q"}, [&](const Batch& batch) {
    {
      const std::lock_guard lock(mutex);
      numbers.push_back(batch.slot);
    }
    gate.pass(batch.stop);
    return all(batch, Outcome::complete());
  });
  executor.give(0, {new_lease("a"), new_lease("b"), new_lease("c")}, BootClock::now());
  gate.wait_for_handlers(3);
  EXPECT_THAT(numbers, ::testing::UnorderedElementsAre(0, 1, 2));
  executor.give(0, {new_lease("d"), new_lease("e"), new_lease("f"), new_lease("g")},
                BootClock::now());
  gate.wait_for_handlers(6);
  EXPECT_THAT(numbers, ::testing::UnorderedElementsAre(0, 0, 1, 1, 2, 2));
  EXPECT_EQ(executor.load().waiting, 1U);
  gate.open();
  EXPECT_THAT(finished(executor, 7), SizeIs(7));
}

// ---- slots that must be made ready ----

WorkerOptions prepared(unsigned concurrency,
                       std::function<void(unsigned, std::stop_token)> prepare) {
  WorkerOptions options = internal::executor_options(concurrency, 1, 0ms);
  options.prepare = std::move(prepare);
  return options;
}

TEST(SlotsThatAreNotReady, TakeNothing) {
  Gate load;
  Executor executor(prepared(1, [&](unsigned, const std::stop_token& stop) { load.pass(stop); }),
                    {"q"}, [](const Batch& batch) { return all(batch, Outcome::complete()); });
  executor.start_preparing();
  executor.give(0, {new_lease("a")}, BootClock::now());
  load.wait_for_handlers(1);
  EXPECT_EQ(executor.load().ready_slots, 0U);
  EXPECT_EQ(executor.load().waiting, 1U);
  load.open();
  EXPECT_THAT(finished(executor, 1), SizeIs(1));
}

TEST(SlotsThatAreNotReady, LeaveTheItemsToThoseThatAre) {
  Gate load;
  Gate gate;
  WorkerOptions two = prepared(2, [&](unsigned slot, const std::stop_token& stop) {
    if (slot == 0) load.pass(stop);
  });
  two.calls_per_slot = 2;
  Executor executor(two, {"q"}, [&](const Batch& batch) {
    EXPECT_EQ(batch.slot, 1U);
    gate.pass(batch.stop);
    return all(batch, Outcome::complete());
  });
  executor.start_preparing();
  load.wait_for_handlers(1);
  EXPECT_TRUE(eventually([&] { return executor.load().ready_slots == 1; }));
  executor.give(0, {new_lease("a"), new_lease("b"), new_lease("c")}, BootClock::now());
  gate.wait_for_handlers(2);  // its second call does not wait for the first one of the other slot
  EXPECT_EQ(executor.load().running_ready, 2U);
  gate.open();
  EXPECT_THAT(finished(executor, 3), SizeIs(3));
  executor.leave();
}

TEST(SlotsThatAreNotReady, HaveTheirTurnWhileItIsSeenWhetherTheyStillAre) {
  Gate again;
  Gate gate;
  std::atomic<int> busy{-1};
  WorkerOptions two = prepared(2, [&](unsigned slot, const std::stop_token& stop) {
    if (busy >= 0 && static_cast<int>(slot) != busy) again.pass(stop);
  });
  two.calls_per_slot = 2;
  Executor executor(two, {"q"}, [&](const Batch& batch) {
    const int before = busy.exchange(static_cast<int>(batch.slot));
    EXPECT_NE(before, static_cast<int>(batch.slot));
    gate.pass(batch.stop);
    return all(batch, Outcome::complete());
  });
  executor.start_preparing();
  EXPECT_TRUE(eventually([&] { return executor.load().ready_slots == 2; }));
  executor.give(0, {new_lease("long")}, BootClock::now());
  gate.wait_for_handlers(1);
  executor.give(0, {new_lease("short")}, BootClock::now());
  // A thread that was woken for the long item, and looked at then, takes the short one at once.
  EXPECT_TRUE(eventually([&] { return again.handlers() > 0 || gate.handlers() == 2; }));
  again.open();
  gate.wait_for_handlers(2);
  gate.open();
  EXPECT_THAT(finished(executor, 2), SizeIs(2));
}

TEST(SlotsThatAreNotReady, AreNotPreparedBeforeTheyAreAskedTo) {
  std::atomic<bool> asked{false};
  Executor executor(prepared(3, [&](unsigned, const std::stop_token&) { EXPECT_TRUE(asked); }),
                    {"q"}, [](const Batch& batch) { return all(batch, Outcome::complete()); });
  executor.give(0, {new_lease("a")}, BootClock::now());
  asked = true;
  executor.start_preparing();
  EXPECT_THAT(finished(executor, 1), SizeIs(1));
}

TEST(SlotsThatAreNotReady, AreCountedWhenTheyWereReadyBefore) {
  Gate again;
  std::atomic<bool> gone{false};
  Executor executor(prepared(1,
                             [&](unsigned, const std::stop_token& stop) {
                               if (gone) again.pass(stop);
                             }),
                    {"q"}, [&](const Batch& batch) {
                      gone = true;
                      return all(batch, Outcome::complete());
                    });
  executor.start_preparing();
  EXPECT_TRUE(eventually([&] { return executor.load().ready_slots == 1; }));
  executor.give(0, {new_lease("a"), new_lease("b")}, BootClock::now());
  again.wait_for_handlers(1);
  EXPECT_EQ(executor.load().ready_slots, 0U);
  EXPECT_EQ(executor.load().waiting, 1U);
  again.open();
  EXPECT_THAT(finished(executor, 2), SizeIs(2));
}

TEST(SlotsThatAreNotReady, AreNeverPreparedTwiceAtATime) {
  std::atomic<int> inside{0};
  WorkerOptions many = prepared(1, [&](unsigned, const std::stop_token&) {
    EXPECT_EQ(++inside, 1);
    --inside;
  });
  many.calls_per_slot = 8;
  Executor executor(many, {"q"},
                    [](const Batch& batch) { return all(batch, Outcome::complete()); });
  executor.start_preparing();
  for (int i = 0; i < 1'000; ++i) executor.give(0, {new_lease("a")}, BootClock::now());
  EXPECT_THAT(finished(executor, 1'000), SizeIs(1'000));
}

TEST(SlotsThatAreNotReady, EndAllWithWhatTheirPreparationThrows) {
  Executor executor(prepared(2,
                             [](unsigned slot, const std::stop_token&) {
                               if (slot == 1) throw std::runtime_error("no model");
                             }),
                    {"q"}, [](const Batch& batch) { return all(batch, Outcome::complete()); });
  executor.start_preparing();
  EXPECT_TRUE(eventually([&] { return executor.cannot_run() != nullptr; }));
  EXPECT_THROW(std::rethrow_exception(executor.cannot_run()), std::runtime_error);
  executor.give(0, {new_lease("a")}, BootClock::now());
  EXPECT_THAT(executor.take_back(BootClock::now()), SizeIs(1));
}

TEST(SlotsThatAreNotReady, AreToldWhenNothingMoreIsBegun) {
  Gate load;
  Gate gate;
  Executor executor(prepared(2,
                             [&](unsigned slot, const std::stop_token& stop) {
                               if (slot == 0) {
                                 EXPECT_FALSE(load.pass(stop));
                               }
                             }),
                    {"q"}, [&](const Batch& batch) {
                      EXPECT_TRUE(gate.pass(batch.stop));
                      return all(batch, Outcome::complete());
                    });
  executor.start_preparing();
  executor.give(0, {new_lease("runs"), new_lease("waits")}, BootClock::now());
  load.wait_for_handlers(1);
  gate.wait_for_handlers(1);
  executor.begin_nothing_more();
  load.wait_for_handlers(0);
  gate.open();
  EXPECT_EQ(finished(executor, 1).at(0).lease.item, "runs");
  EXPECT_THAT(executor.take_back(BootClock::now()), SizeIs(1));
  EXPECT_FALSE(executor.cannot_run());
}

}  // namespace
}  // namespace wq::internal
