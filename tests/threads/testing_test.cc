// What wq/testing.h offers to tests of handlers.
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <wq/lease.h>
#include <wq/testing.h>
#include <wq/worker.h>

namespace wq::testing {
namespace {

using ::testing::ElementsAre;
using Kind = Outcome::Kind;

Outcome length_of(const Job& job) {
  if (job.stop.stop_requested()) return Outcome::release();
  if (job.item.empty()) throw std::runtime_error("nothing in it");
  return Outcome::complete(std::to_string(job.item.size()));
}

std::vector<Kind> kinds(const std::vector<Outcome>& outcomes) {
  std::vector<Kind> found;
  for (const Outcome& each : outcomes) found.push_back(each.kind);
  return found;
}

TEST(FakeJob, RunsAHandlerOnAnItem) {
  const Outcome outcome = FakeJob("item").run(length_of);
  EXPECT_EQ(outcome.kind, Kind::complete);
  EXPECT_EQ(outcome.result, "4");
}

TEST(FakeJob, IsAFirstTryUnlessItIsSaidToBeALaterOne) {
  FakeJob job("item", 3);
  EXPECT_EQ(job.job().lease.attempt(), 1U);
  EXPECT_EQ(job.job().lease.fence, 1U);
  EXPECT_EQ(job.job().lease.hash, hash_item("item"));
  EXPECT_EQ(job.job().slot, 3U);
  job.lease().failures = 2;
  const Handler attempt = [](const Job& each) {
    return Outcome::complete(std::to_string(each.lease.attempt()));
  };
  EXPECT_EQ(job.run(attempt).result, "3");
}

TEST(FakeJob, MakesAFailureOfAnExceptionAsAWorkerDoes) {
  const Outcome outcome = FakeJob("").run(length_of);
  EXPECT_EQ(outcome.kind, Kind::fail);
  EXPECT_EQ(outcome.failure.message, "nothing in it");
}

TEST(FakeJob, ThrowsOnWhatEndsAWorker) {
  EXPECT_THROW(
      FakeJob("item").run([](const Job&) -> Outcome { throw CannotRun("no such program"); }),
      CannotRun);
  EXPECT_THROW(
      FakeJob("item").run([](const Job&) -> Outcome { throw CannotGoOn("the device is gone"); }),
      CannotGoOn);
}

TEST(FakeJob, StopsAHandlerBeforeItBegins) {
  FakeJob job("item");
  job.request_stop();
  EXPECT_EQ(job.run(length_of).kind, Kind::release);
}

TEST(FakeJob, StopsAHandlerThatRuns) {
  FakeJob job("item");
  std::thread stopper;
  const Outcome outcome = job.run([&](const Job& each) {
    stopper = std::thread([&job] { job.request_stop(); });
    while (!each.stop.stop_requested()) std::this_thread::yield();
    return Outcome::fail("as the handler said it");
  });
  stopper.join();
  EXPECT_EQ(outcome.failure.message, "as the handler said it");
}

TEST(FakeBatch, ReturnsWhatWasSettledEarlyAmongWhatWasReturned) {
  FakeBatch batch({"a", "b", "c"}, 1);
  std::vector<bool> early;
  const std::vector<Outcome> outcomes = batch.run([&](const Batch& each) {
    EXPECT_EQ(each.slot, 1U);
    EXPECT_EQ(each.leases[2].fence, 3U);
    each.settle(1, Outcome::fatal("broken"));
    for (std::size_t i = 0; i < 3; ++i) early.push_back(batch.settled(i).has_value());
    return std::vector<Outcome>(3, Outcome::complete());
  });
  EXPECT_THAT(early, ElementsAre(false, true, false));
  EXPECT_THAT(kinds(outcomes), ElementsAre(Kind::complete, Kind::fatal, Kind::complete));
  EXPECT_EQ(batch.settled(2)->kind, Kind::complete);
}

TEST(FakeBatch, TakesNothingReturnedOnceAllIsSettled) {
  FakeBatch batch({"a", "b"});
  const std::vector<Outcome> outcomes = batch.run([](const Batch& each) {
    each.settle(1, Outcome::complete("second"));
    each.settle(0, Outcome::complete("first"));
    return std::vector<Outcome>{};
  });
  EXPECT_EQ(outcomes.at(0).result, "first");
  EXPECT_EQ(outcomes.at(1).result, "second");
}

TEST(FakeBatch, FailsEachItemWhenTheNumberOfOutcomesIsWrong) {
  FakeBatch batch({"a", "b"});
  const auto outcomes = batch.run([](const Batch&) { return std::vector<Outcome>(1); });
  EXPECT_THAT(kinds(outcomes), ElementsAre(Kind::fail, Kind::fail));
  EXPECT_EQ(outcomes.front().failure.message, "the handler returned 1 outcomes for 2 items");
}

TEST(FakeBatch, RefusesToSettleTwiceOrWhatIsNotThere) {
  FakeBatch batch({"a"});
  const Batch handed = batch.batch();
  EXPECT_THROW(handed.settle(1, Outcome::complete()), std::invalid_argument);
  handed.settle(0, Outcome::complete());
  EXPECT_THROW(handed.settle(0, Outcome::complete()), std::invalid_argument);
  EXPECT_THROW(static_cast<void>(batch.settled(1)), std::out_of_range);
}

TEST(FakeBatch, IsGoodForAHandlerThatIsCalledByHandAndForMoving) {
  FakeBatch first({"a"});
  const Batch handed = first.batch();
  FakeBatch second = std::move(first);
  second.request_stop();
  EXPECT_TRUE(handed.stop.stop_requested());
  handed.settle(0, Outcome::release());
  EXPECT_EQ(second.settled(0)->kind, Kind::release);
}

TEST(FakeBatch, GoneIsTheLeaseOfASettledItem) {
  FakeBatch batch({"a"});
  batch.run([](const Batch& each) {
    each.settle(0, Outcome::complete());
    EXPECT_EQ(each.leases[0].item, "");
    return std::vector<Outcome>{};
  });
}

}  // namespace
}  // namespace wq::testing
