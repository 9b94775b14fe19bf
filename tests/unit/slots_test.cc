#include "worker/slots.h"

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

Lease lease(std::string item, std::uint64_t fence = 0, std::uint32_t crashes = 0) {
  Lease lease;
  lease.item = std::move(item);
  lease.fence = fence;
  lease.crashes = crashes;
  return lease;
}

WorkerOptions options(unsigned concurrency, std::size_t batch, std::chrono::milliseconds timeout) {
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

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool open_ = false;
  int inside_ = 0;
};

std::vector<Settlement> finished(Slots& slots, std::size_t n) {
  std::vector<Settlement> taken;
  EXPECT_TRUE(eventually([&] {
    for (Settlement& each : slots.take_finished(1'000)) taken.push_back(std::move(each));
    return taken.size() >= n;
  }));
  return taken;
}

TEST(Slots, RunWhatTheyAreGivenInOrder) {
  Slots slots(options(1, 1, 0ms), [](const Batch& batch) {
    return all(batch, Outcome::complete("done " + batch.leases[0].item));
  });
  slots.give({lease("a"), lease("b")}, BootClock::now());
  const auto settled = finished(slots, 2);
  ASSERT_THAT(settled, SizeIs(2));
  EXPECT_EQ(settled[0].lease.item, "a");
  EXPECT_EQ(settled[0].outcome.result, "done a");
  EXPECT_EQ(settled[1].lease.item, "b");
}

TEST(Slots, RunAsManyAtATimeAsThereAre) {
  Gate gate;
  std::mutex mutex;
  std::set<unsigned> numbers;
  Slots slots(options(3, 1, 0ms), [&](const Batch& batch) {
    {
      const std::lock_guard lock(mutex);
      numbers.insert(batch.slot);
    }
    gate.pass(batch.stop);
    return all(batch, Outcome::complete());
  });
  slots.give({lease("a"), lease("b"), lease("c"), lease("d")}, BootClock::now());
  gate.wait_for_handlers(3);
  const Slots::Load load = slots.load();
  EXPECT_EQ(load.running, 3U);
  EXPECT_EQ(load.waiting, 1U);
  gate.open();
  EXPECT_THAT(finished(slots, 4), SizeIs(4));
  EXPECT_THAT(numbers, ElementsAre(0, 1, 2));
}

TEST(Slots, GiveABatchUpToItsSize) {
  std::vector<std::size_t> sizes;
  Gate gate;
  Slots slots(options(1, 3, 0ms), [&](const Batch& batch) {
    sizes.push_back(batch.leases.size());
    if (batch.leases[0].item == "first") gate.pass(batch.stop);
    return all(batch, Outcome::complete());
  });
  slots.give({lease("first")}, BootClock::now());
  gate.wait_for_handlers(1);
  slots.give({lease("a"), lease("b"), lease("c"), lease("d")}, BootClock::now());
  gate.open();
  EXPECT_THAT(finished(slots, 5), SizeIs(5));
  EXPECT_THAT(sizes, ElementsAre(1, 3, 1));
}

TEST(Slots, GiveAnItemThatCrashedBeforeToNobodyTogetherWithOthers) {
  std::vector<std::vector<std::string>> batches;
  Gate gate;
  Slots slots(options(1, 10, 0ms), [&](const Batch& batch) {
    batches.emplace_back();
    for (const Lease& each : batch.leases) batches.back().push_back(each.item);
    if (batch.leases[0].item == "first") gate.pass(batch.stop);
    return all(batch, Outcome::complete());
  });
  slots.give({lease("first")}, BootClock::now());
  gate.wait_for_handlers(1);
  slots.give(
      {lease("a"), lease("b"), lease("crashed", 0, 1), lease("crashed too", 0, 2), lease("c")},
      BootClock::now());
  gate.open();
  EXPECT_THAT(finished(slots, 6), SizeIs(6));
  EXPECT_THAT(batches,
              ElementsAre(ElementsAre("first"), ElementsAre("a", "b"), ElementsAre("crashed"),
                          ElementsAre("crashed too"), ElementsAre("c")));
}

TEST(Slots, TakeAnExceptionForAFailureOfTheWholeBatch) {
  Slots slots(options(1, 2, 0ms), [](const Batch&) -> std::vector<Outcome> {
    throw std::runtime_error("what it said");
  });
  slots.give({lease("a"), lease("b")}, BootClock::now());
  for (const Settlement& each : finished(slots, 2)) {
    EXPECT_EQ(each.outcome.kind, Kind::fail);
    EXPECT_EQ(each.outcome.failure.message, "what it said");
  }
}

TEST(Slots, TakeAnythingElseThatIsThrownForAFailure) {
  Slots slots(options(1, 1, 0ms), [](const Batch&) -> std::vector<Outcome> { throw 42; });
  slots.give({lease("a")}, BootClock::now());
  EXPECT_EQ(finished(slots, 1).at(0).outcome.kind, Kind::fail);
}

TEST(Slots, TakeAWrongNumberOfOutcomesForAFailure) {
  Slots slots(options(1, 2, 0ms), [](const Batch&) { return std::vector<Outcome>(5); });
  slots.give({lease("a"), lease("b")}, BootClock::now());
  const auto settled = finished(slots, 2);
  EXPECT_EQ(settled.at(0).outcome.kind, Kind::fail);
  EXPECT_THAT(settled.at(0).outcome.failure.message, HasSubstr("5 outcomes"));
}

TEST(Slots, ReleaseTheItemsOfAHandlerThatCannotRunAndKeepItsWords) {
  Slots slots(options(1, 1, 0ms),
              [](const Batch&) -> std::vector<Outcome> { throw CannotRun("no such program"); });
  EXPECT_FALSE(slots.cannot_run());
  slots.give({lease("a")}, BootClock::now());
  const auto settled = finished(slots, 1);
  EXPECT_EQ(settled.at(0).outcome.kind, Kind::release);
  EXPECT_EQ(settled.at(0).outcome.release_delay, 0ms);
  EXPECT_THROW(std::rethrow_exception(slots.cannot_run()), CannotRun);
}

// One slot whose handler is inside the gate, with fences 1 and 2; fence 3 waits.
class BusySlots : public ::testing::Test {
 protected:
  explicit BusySlots(std::chrono::milliseconds timeout = 0ms)
      : slots_(options(1, 2, timeout), [this](const Batch& batch) {
          if (gate_.pass(batch.stop)) return all(batch, Outcome::fail("as it happens"));
          return all(batch, when_told_);
        }) {
    slots_.give({lease("a", 1), lease("b", 2)}, given_at_);
    gate_.wait_for_handlers(1);
    slots_.give({lease("c", 3)}, given_at_);
  }

  static std::map<std::string, Kind> kinds(const std::vector<Settlement>& settled) {
    std::map<std::string, Kind> found;
    for (const Settlement& each : settled) found[each.lease.item] = each.outcome.kind;
    return found;
  }

  Outcome when_told_ = Outcome::fail("told to stop");
  Gate gate_;
  TimePoint given_at_ = BootClock::now();
  Slots slots_;
};

TEST_F(BusySlots, TellTheHandlerWhoseLeaseIsLostAndReleaseItsItems) {
  slots_.lose(std::vector<std::uint64_t>{2});
  const auto settled = finished(slots_, 2);
  EXPECT_THAT(kinds(settled),
              ElementsAre(std::pair("a", Kind::release), std::pair("b", Kind::release)));
  EXPECT_THAT(settled, Each(::testing::Field(&Settlement::outcome,
                                             ::testing::Field(&Outcome::release_delay, 0ms))));
  gate_.open();
  EXPECT_THAT(kinds(finished(slots_, 1)), ElementsAre(std::pair("c", Kind::fail)));
}

TEST_F(BusySlots, KeepACompletionOfAHandlerThatWasTold) {
  when_told_ = Outcome::complete("just in time");
  slots_.lose(std::vector<std::uint64_t>{1});
  EXPECT_THAT(kinds(finished(slots_, 2)),
              ElementsAre(std::pair("a", Kind::complete), std::pair("b", Kind::complete)));
}

TEST_F(BusySlots, GiveUpAWaitingItemWhoseLeaseIsLost) {
  slots_.lose(std::vector<std::uint64_t>{3, 99});
  EXPECT_THAT(kinds(finished(slots_, 1)), ElementsAre(std::pair("c", Kind::release)));
  EXPECT_EQ(slots_.load().waiting, 0U);
  EXPECT_EQ(slots_.load().running, 2U);
}

TEST_F(BusySlots, TakeBackWhatNobodyBegan) {
  EXPECT_THAT(slots_.take_back(given_at_ - 1ns), IsEmpty());
  EXPECT_THAT(kinds(slots_.take_back(given_at_)), ElementsAre(std::pair("c", Kind::release)));
  EXPECT_THAT(slots_.take_back(given_at_), IsEmpty());
  EXPECT_EQ(slots_.load().waiting, 0U);
}

TEST_F(BusySlots, LeaveTellsTheHandlersAndReleasesWhatWaits) {
  slots_.leave();
  slots_.leave();
  EXPECT_THAT(kinds(finished(slots_, 3)),
              ElementsAre(std::pair("a", Kind::release), std::pair("b", Kind::release),
                          std::pair("c", Kind::release)));
  slots_.give({lease("d", 4)}, given_at_);
  EXPECT_THAT(kinds(slots_.take_back(given_at_)), ElementsAre(std::pair("d", Kind::release)));
}

TEST_F(BusySlots, WithoutATimeoutLetHandlersRunForEver) {
  slots_.enforce_timeout(BootClock::now() + 24h);
  gate_.open();
  EXPECT_THAT(kinds(finished(slots_, 3)),
              ElementsAre(std::pair("a", Kind::fail), std::pair("b", Kind::fail),
                          std::pair("c", Kind::fail)));
}

TEST_F(BusySlots, TakeNoMoreThanAsked) {
  gate_.open();
  EXPECT_TRUE(eventually([this] { return slots_.load().finished == 3; }));
  EXPECT_THAT(slots_.take_finished(2), SizeIs(2));
  EXPECT_THAT(slots_.take_finished(2), SizeIs(1));
  EXPECT_THAT(slots_.take_finished(2), IsEmpty());
}

TEST_F(BusySlots, APokeEndsAWait) {
  slots_.poke();
  const auto begin = BootClock::now();
  slots_.wait(begin + 1min);
  EXPECT_LT(BootClock::now() - begin, 30s);
}

class SlotsWithTimeout : public BusySlots {
 protected:
  SlotsWithTimeout() : BusySlots(1min) {}
};

TEST_F(SlotsWithTimeout, TellAHandlerThatTakesTooLongAndFailItsItems) {
  when_told_ = Outcome::release();
  slots_.enforce_timeout(BootClock::now() + 59s);
  EXPECT_THAT(slots_.take_finished(10), IsEmpty());
  slots_.enforce_timeout(BootClock::now() + 1min);
  slots_.lose(std::vector<std::uint64_t>{1});  // the first reason counts
  for (const Settlement& each : finished(slots_, 2)) {
    EXPECT_EQ(each.outcome.kind, Kind::fail);
    EXPECT_EQ(each.outcome.failure.kind, FailureKind::timeout);
    EXPECT_THAT(each.outcome.failure.message, HasSubstr("longer than"));
  }
  gate_.open();
  EXPECT_EQ(finished(slots_, 1).at(0).outcome.failure.kind, FailureKind::error);
}

TEST(Slots, KnowHowLongAnItemTakesAndHowLargeItIs) {
  Slots slots(options(1, 1, 0ms),
              [](const Batch& batch) { return all(batch, Outcome::complete()); });
  EXPECT_FALSE(slots.load().per_item.has_value());
  slots.give({lease(std::string(1'000, 'x'))}, BootClock::now());
  static_cast<void>(finished(slots, 1));
  EXPECT_TRUE(slots.load().per_item.has_value());
  EXPECT_GT(slots.load().item_bytes, 0U);
}

// ---- batches ----

TEST(Slots, BeginAllThatIsGivenAtOnceThoughFewAreWokenAtATime) {
  constexpr int kSlots = 64;
  Gate gate;
  Slots slots(options(kSlots, 1, 0ms), [&](const Batch& batch) {
    gate.pass(batch.stop);
    return all(batch, Outcome::complete());
  });
  std::vector<Lease> leases;
  for (int i = 0; i < kSlots; ++i) leases.push_back(lease(std::to_string(i)));
  slots.give(std::move(leases), BootClock::now());
  gate.wait_for_handlers(kSlots);
  gate.open();
  EXPECT_THAT(finished(slots, kSlots), SizeIs(kSlots));
}

TEST(Slots, SettleAnItemBeforeTheRestOfItsBatch) {
  Gate gate;
  Slots slots(options(1, 3, 0ms), [&](const Batch& batch) {
    batch.settle(1, Outcome::complete("early"));
    EXPECT_THROW(batch.settle(1, Outcome::complete()), std::invalid_argument);
    EXPECT_THROW(batch.settle(3, Outcome::complete()), std::invalid_argument);
    gate.pass(batch.stop);
    return all(batch, Outcome::fail("late"));
  });
  slots.give({lease("a"), lease("b"), lease("c")}, BootClock::now());
  const auto early = finished(slots, 1);
  EXPECT_EQ(early.at(0).lease.item, "b");
  EXPECT_EQ(early.at(0).outcome.result, "early");
  gate.wait_for_handlers(1);
  EXPECT_EQ(slots.load().running, 2U);
  gate.open();
  const auto late = finished(slots, 2);
  EXPECT_EQ(late.at(0).lease.item, "a");
  EXPECT_EQ(late.at(1).lease.item, "c");
  EXPECT_EQ(late.at(1).outcome.kind, Kind::fail);
}

TEST(Slots, NeedNoOutcomesOfABatchThatIsSettled) {
  Slots slots(options(1, 2, 0ms), [](const Batch& batch) {
    for (std::size_t i = 0; i < batch.leases.size(); ++i) batch.settle(i, Outcome::complete());
    return std::vector<Outcome>();
  });
  slots.give({lease("a"), lease("b")}, BootClock::now());
  for (const Settlement& each : finished(slots, 2)) EXPECT_EQ(each.outcome.kind, Kind::complete);
}

TEST(Slots, DoNotTellAHandlerOfALostLeaseThatItHasSettled) {
  Gate gate;
  Slots slots(options(1, 2, 0ms), [&](const Batch& batch) {
    batch.settle(0, Outcome::complete());
    return all(batch, gate.pass(batch.stop) ? Outcome::complete() : Outcome::fail("told"));
  });
  slots.give({lease("a", 1), lease("b", 2)}, BootClock::now());
  gate.wait_for_handlers(1);
  slots.lose(std::vector<std::uint64_t>{1});
  gate.open();
  for (const Settlement& each : finished(slots, 2)) EXPECT_EQ(each.outcome.kind, Kind::complete);
}

class SlotsThatGather : public ::testing::Test {
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
    WorkerOptions patient = options(1, batch, 0ms);
    patient.max_delay = delay;
    return patient;
  }

 private:
  std::mutex mutex_;
  std::vector<std::vector<std::string>> batches_;
};

TEST_F(SlotsThatGather, HandOutABatchWhenItIsFull) {
  Slots slots(patient(3, 24h), handler());
  slots.give({lease("a"), lease("b")}, BootClock::now());
  EXPECT_EQ(slots.load().waiting, 2U);
  slots.give({lease("c"), lease("d")}, BootClock::now());
  EXPECT_THAT(finished(slots, 3), SizeIs(3));
  EXPECT_EQ(slots.load().waiting, 1U);
  EXPECT_THAT(batches(), ElementsAre(ElementsAre("a", "b", "c")));
}

TEST_F(SlotsThatGather, HandOutABatchWhenItsOldestItemHasWaitedLongEnough) {
  Slots slots(patient(3, 1h), handler());
  slots.give({lease("a")}, BootClock::now() - 2h);
  EXPECT_THAT(finished(slots, 1), SizeIs(1));
}

TEST_F(SlotsThatGather, HandOutABatchAtOnceWhenNothingMoreComes) {
  Slots slots(patient(3, 24h), handler());
  slots.give({lease("a"), lease("b")}, BootClock::now());
  slots.expect_more(true);
  EXPECT_EQ(slots.load().waiting, 2U);
  slots.expect_more(false);
  EXPECT_THAT(finished(slots, 2), SizeIs(2));
  EXPECT_THAT(batches(), ElementsAre(ElementsAre("a", "b")));
}

TEST_F(SlotsThatGather, DoNotLetAnItemThatHasCrashedWaitForOthers) {
  Slots slots(patient(3, 24h), handler());
  slots.give({lease("a"), lease("crashed", 0, 1)}, BootClock::now());
  EXPECT_THAT(finished(slots, 2), SizeIs(2));
  EXPECT_THAT(batches(), ElementsAre(ElementsAre("a"), ElementsAre("crashed")));
}

TEST_F(SlotsThatGather, KeepABatchBelowItsBytes) {
  WorkerOptions small = patient(10, 24h);
  small.max_batch_bytes = 4;
  Slots slots(small, handler());
  slots.give({lease("12"), lease("34"), lease("5"), lease("too long"), lease("6")},
             BootClock::now());
  EXPECT_THAT(finished(slots, 4), SizeIs(4));
  EXPECT_EQ(slots.load().waiting, 1U);
  EXPECT_THAT(batches(),
              ElementsAre(ElementsAre("12", "34"), ElementsAre("5"), ElementsAre("too long")));
}

TEST(Slots, GiveASlotItsSecondCallOnlyWhenEachHasItsFirst) {
  Gate gate;
  std::mutex mutex;
  std::vector<unsigned> numbers;
  WorkerOptions two = options(3, 1, 0ms);
  two.calls_per_slot = 2;
  Slots slots(two, [&](const Batch& batch) {
    {
      const std::lock_guard lock(mutex);
      numbers.push_back(batch.slot);
    }
    gate.pass(batch.stop);
    return all(batch, Outcome::complete());
  });
  slots.give({lease("a"), lease("b"), lease("c")}, BootClock::now());
  gate.wait_for_handlers(3);
  EXPECT_THAT(numbers, ::testing::UnorderedElementsAre(0, 1, 2));
  slots.give({lease("d"), lease("e"), lease("f"), lease("g")}, BootClock::now());
  gate.wait_for_handlers(6);
  EXPECT_THAT(numbers, ::testing::UnorderedElementsAre(0, 0, 1, 1, 2, 2));
  EXPECT_EQ(slots.load().waiting, 1U);
  gate.open();
  EXPECT_THAT(finished(slots, 7), SizeIs(7));
}

TEST_F(BusySlots, TakeBackOnlyWhatWaitsBehindTheNextBatches) {
  slots_.give({lease("d", 4), lease("e", 5)}, given_at_);
  EXPECT_THAT(kinds(slots_.take_back(given_at_, 2)), ElementsAre(std::pair("e", Kind::release)));
  EXPECT_THAT(slots_.take_back(given_at_, 9), IsEmpty());
  EXPECT_EQ(slots_.load().waiting, 2U);
}

// ---- slots that must be made ready ----

WorkerOptions prepared(unsigned concurrency,
                       std::function<void(unsigned, std::stop_token)> prepare) {
  WorkerOptions options = internal::options(concurrency, 1, 0ms);
  options.prepare = std::move(prepare);
  return options;
}

TEST(SlotsThatAreNotReady, TakeNothing) {
  Gate load;
  Slots slots(prepared(1, [&](unsigned, const std::stop_token& stop) { load.pass(stop); }),
              [](const Batch& batch) { return all(batch, Outcome::complete()); });
  slots.start_preparing();
  slots.give({lease("a")}, BootClock::now());
  load.wait_for_handlers(1);
  EXPECT_EQ(slots.load().ready_slots, 0U);
  EXPECT_EQ(slots.load().waiting, 1U);
  load.open();
  EXPECT_THAT(finished(slots, 1), SizeIs(1));
}

TEST(SlotsThatAreNotReady, LeaveTheItemsToThoseThatAre) {
  Gate load;
  Gate gate;
  WorkerOptions two = prepared(2, [&](unsigned slot, const std::stop_token& stop) {
    if (slot == 0) load.pass(stop);
  });
  two.calls_per_slot = 2;
  Slots slots(two, [&](const Batch& batch) {
    EXPECT_EQ(batch.slot, 1U);
    gate.pass(batch.stop);
    return all(batch, Outcome::complete());
  });
  slots.start_preparing();
  load.wait_for_handlers(1);
  EXPECT_TRUE(eventually([&] { return slots.load().ready_slots == 1; }));
  slots.give({lease("a"), lease("b"), lease("c")}, BootClock::now());
  gate.wait_for_handlers(2);  // its second call does not wait for the first one of the other slot
  EXPECT_EQ(slots.load().running_ready, 2U);
  gate.open();
  EXPECT_THAT(finished(slots, 3), SizeIs(3));
  slots.leave();
}

TEST(SlotsThatAreNotReady, HaveTheirTurnWhileItIsSeenWhetherTheyStillAre) {
  Gate again;
  Gate gate;
  std::atomic<int> busy{-1};
  WorkerOptions two = prepared(2, [&](unsigned slot, const std::stop_token& stop) {
    if (busy >= 0 && static_cast<int>(slot) != busy) again.pass(stop);
  });
  two.calls_per_slot = 2;
  Slots slots(two, [&](const Batch& batch) {
    const int before = busy.exchange(static_cast<int>(batch.slot));
    EXPECT_NE(before, static_cast<int>(batch.slot));
    gate.pass(batch.stop);
    return all(batch, Outcome::complete());
  });
  slots.start_preparing();
  EXPECT_TRUE(eventually([&] { return slots.load().ready_slots == 2; }));
  slots.give({lease("long")}, BootClock::now());
  gate.wait_for_handlers(1);
  slots.give({lease("short")}, BootClock::now());
  again.wait_for_handlers(1);
  EXPECT_EQ(slots.load().waiting, 1U);
  again.open();
  gate.wait_for_handlers(2);
  gate.open();
  EXPECT_THAT(finished(slots, 2), SizeIs(2));
}

TEST(SlotsThatAreNotReady, AreNotPreparedBeforeTheyAreAskedTo) {
  std::atomic<bool> asked{false};
  Slots slots(prepared(3, [&](unsigned, const std::stop_token&) { EXPECT_TRUE(asked); }),
              [](const Batch& batch) { return all(batch, Outcome::complete()); });
  slots.give({lease("a")}, BootClock::now());
  asked = true;
  slots.start_preparing();
  EXPECT_THAT(finished(slots, 1), SizeIs(1));
}

TEST(SlotsThatAreNotReady, AreCountedWhenTheyWereReadyBefore) {
  Gate again;
  std::atomic<bool> gone{false};
  Slots slots(prepared(1,
                       [&](unsigned, const std::stop_token& stop) {
                         if (gone) again.pass(stop);
                       }),
              [&](const Batch& batch) {
                gone = true;
                return all(batch, Outcome::complete());
              });
  slots.start_preparing();
  EXPECT_TRUE(eventually([&] { return slots.load().ready_slots == 1; }));
  slots.give({lease("a"), lease("b")}, BootClock::now());
  again.wait_for_handlers(1);
  EXPECT_EQ(slots.load().ready_slots, 0U);
  EXPECT_EQ(slots.load().waiting, 1U);
  again.open();
  EXPECT_THAT(finished(slots, 2), SizeIs(2));
}

TEST(SlotsThatAreNotReady, AreNeverPreparedTwiceAtATime) {
  std::atomic<int> inside{0};
  WorkerOptions many = prepared(1, [&](unsigned, const std::stop_token&) {
    EXPECT_EQ(++inside, 1);
    --inside;
  });
  many.calls_per_slot = 8;
  Slots slots(many, [](const Batch& batch) { return all(batch, Outcome::complete()); });
  slots.start_preparing();
  for (int i = 0; i < 1'000; ++i) slots.give({lease("a")}, BootClock::now());
  EXPECT_THAT(finished(slots, 1'000), SizeIs(1'000));
}

TEST(SlotsThatAreNotReady, EndAllWithWhatTheirPreparationThrows) {
  Slots slots(prepared(2,
                       [](unsigned slot, const std::stop_token&) {
                         if (slot == 1) throw std::runtime_error("no model");
                       }),
              [](const Batch& batch) { return all(batch, Outcome::complete()); });
  slots.start_preparing();
  EXPECT_TRUE(eventually([&] { return slots.cannot_run() != nullptr; }));
  EXPECT_THROW(std::rethrow_exception(slots.cannot_run()), std::runtime_error);
  slots.give({lease("a")}, BootClock::now());
  EXPECT_THAT(slots.take_back(BootClock::now()), SizeIs(1));
}

TEST(SlotsThatAreNotReady, AreToldWhenNothingMoreIsBegun) {
  Gate load;
  Gate gate;
  Slots slots(prepared(2,
                       [&](unsigned slot, const std::stop_token& stop) {
                         if (slot == 0) {
                           EXPECT_FALSE(load.pass(stop));
                         }
                       }),
              [&](const Batch& batch) {
                EXPECT_TRUE(gate.pass(batch.stop));
                return all(batch, Outcome::complete());
              });
  slots.start_preparing();
  slots.give({lease("runs"), lease("waits")}, BootClock::now());
  load.wait_for_handlers(1);
  gate.wait_for_handlers(1);
  slots.begin_nothing_more();
  load.wait_for_handlers(0);
  gate.open();
  EXPECT_EQ(finished(slots, 1).at(0).lease.item, "runs");
  EXPECT_THAT(slots.take_back(BootClock::now()), SizeIs(1));
  EXPECT_FALSE(slots.cannot_run());
}

}  // namespace
}  // namespace wq::internal
