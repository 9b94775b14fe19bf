// What Redis does not take is refused before it is sent, item by item.
#include "queue/limits.h"

#include <stdexcept>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <wq/error.h>
#include <wq/worker.h>

#include "support/queue_test.h"

namespace wq::test {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::size_t kMebibyte = std::size_t{1} << 20U;

class Limits : public QueueTest {
 protected:
  explicit Limits(const std::vector<std::string>& config = {"proto-max-bulk-len 1mb"})
      : QueueTest(config) {}

  /// Soon enough that a program which sends the same again would be found out.
  [[nodiscard]] RedisOptions impatient() const {
    RedisOptions redis = options();
    redis.patience = 5s;
    return redis;
  }

  WorkerReport work(const BatchHandler& handler, std::size_t batch = 1) {
    WorkerOptions worker;
    worker.batch = batch;
    worker.retry.max_attempts = 1;
    return Worker("q", impatient(), worker, handler).run();
  }

  /// The failure that is kept of an item.
  [[nodiscard]] std::string failure_of(std::string_view item) {
    return redis_.text({"HGET", key(Key::failures), hash_of(item)}).value_or("");
  }

  template <typename Action>
  static std::string refusal_of(Action action) {
    try {
      action();
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "";
  }
};

TEST_F(Limits, AnItemThatIsTooLongCostsTheOthersOfItsProducerNothing) {
  Producer producer("q", impatient());
  producer.push("before");
  EXPECT_THAT(
      refusal_of([&] { producer.push(std::string(kMebibyte + 1, 'x')); }),
      AllOf(HasSubstr("the item 'xxx"), HasSubstr("has 1048577 bytes; this Redis takes no "
                                                  "more than 1048576 (proto-max-bulk-len")));
  producer.push(std::string(kMebibyte, 'y'));
  producer.push("behind");
  EXPECT_EQ(producer.finish().pushed, 3U);
  EXPECT_EQ(counts().ready, 3U);
}

TEST_F(Limits, AHandlersResultThatIsTooLongIsAFailureOfItsItemAlone) {
  push({"small", "large", "other"});
  const WorkerReport report = work(
      [](const Batch& batch) {
        std::vector<Outcome> outcomes;
        for (const Lease& lease : batch.leases) {
          outcomes.push_back(Outcome::complete(
              std::string(lease.item == "large" ? kMebibyte + 1 : kMebibyte, 'r')));
        }
        return outcomes;
      },
      10);
  EXPECT_EQ(report.end, WorkerEnd::drained);
  EXPECT_EQ(report.completed, 2U);
  EXPECT_EQ(report.failed, 1U);
  EXPECT_THAT(all(Key::dead), ElementsAre("large"));
  EXPECT_THAT(
      failure_of("large"),
      AllOf(HasSubstr(R"("kind":"result")"),
            HasSubstr("its result has 1048577 bytes; this Redis takes no more than 1048576")));
}

TEST_F(Limits, AFollowUpThatIsTooLongIsAFailureOfItsItemAlone) {
  push({"small", "large"});
  const WorkerReport report = work([](const Batch& batch) {
    Outcome outcome = Outcome::complete();
    if (batch.leases.front().item == "small") outcome.follow_ups = {"more"};
    if (batch.leases.front().item == "large") {
      outcome.follow_ups = {"not pushed", std::string(kMebibyte + 1, 'f')};
    }
    return std::vector{outcome};
  });
  EXPECT_EQ(report.end, WorkerEnd::drained);
  EXPECT_THAT(all(Key::dead), ElementsAre("large"));
  EXPECT_THAT(failure_of("large"), HasSubstr("a follow-up of it has 1048577 bytes"));
  EXPECT_EQ(counts().completed, 2U);
  EXPECT_EQ(counts().pushed, 3U);
}

TEST_F(Limits, AFailureKeepsTheBeginningOfALongMessageAndTheEndOfWhatWasSaid) {
  push({"a"});
  const WorkerReport report = work([](const Batch&) {
    Failure failure;
    failure.message = "it began so" + std::string(3 * kMebibyte, '\x01');
    failure.stdout_tail = std::string(3 * kMebibyte, '\x03') + "it printed so";
    failure.stderr_tail = std::string(3 * kMebibyte, '\x02') + "it ended so";
    return std::vector{Outcome::fail(failure)};
  });
  EXPECT_EQ(report.end, WorkerEnd::drained);
  EXPECT_THAT(all(Key::dead), ElementsAre("a"));
  const std::string failure = failure_of("a");
  EXPECT_LT(failure.size(), kMebibyte);
  EXPECT_THAT(failure, AllOf(HasSubstr("it began so"), HasSubstr("... (3145739 bytes)"),
                             HasSubstr("it printed so"), HasSubstr("it ended so")));
}

TEST_F(Limits, SettlingRefusesWhatIsTooLargeAndSettlesNothingOfTheCall) {
  push({"a", "b"});
  Queue queue("q", impatient());
  const std::vector<Lease> leases = queue.lease(2, 1min);
  const std::vector<Settlement> settlements{
      {leases[0], Outcome::complete()},
      {leases[1], Outcome::complete(std::string(kMebibyte + 1, 'r'))}};
  EXPECT_THAT(refusal_of([&] { static_cast<void>(queue.settle(settlements)); }),
              HasSubstr("settlement 1: its result has 1048577 bytes"));
  EXPECT_THAT(queue.settle(all_completed(leases)),
              ElementsAre(Settled::accepted, Settled::accepted));
}

TEST_F(Limits, AnItemThatRedisTookOnceAndTakesNoMoreEndsTheWorkerAndNotTheOthers) {
  redis_.call({"CONFIG", "SET", "proto-max-bulk-len", "536870912"});
  push({"small", std::string(2 * kMebibyte, 'x'), "other"});
  redis_.call({"CONFIG", "SET", "proto-max-bulk-len", "1048576"});
  try {
    work([](const Batch&) { return std::vector{Outcome::complete()}; });
    FAIL() << "it went on";
  } catch (const RefusedError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("the item 'xxx"), HasSubstr("has 2097152 bytes"),
                                    HasSubstr("raise that")));
  }
  // It stays where it is until its lease ends; then another one may have it.
  EXPECT_EQ(counts().processing, 1U);
  EXPECT_EQ(counts().crashed, 0U);
  redis_.call({"CONFIG", "SET", "proto-max-bulk-len", "536870912"});
}

TEST_F(Limits, ALimitThatWasLoweredUnderWhatIsSentAgainIsSaidAtOnce) {
  redis_.call({"CONFIG", "SET", "proto-max-bulk-len", "536870912"});
  push({"a", "b"});
  try {
    work([this](const Batch& batch) {
      // With the first result the worker has asked for the limit.
      if (batch.leases.front().item == "b") {
        redis_.call({"CONFIG", "SET", "proto-max-bulk-len", "1048576"});
      }
      return std::vector{Outcome::complete(std::string(8 * kMebibyte, 'r'))};
    });
    FAIL() << "it went on";
  } catch (const RefusedError& error) {
    EXPECT_THAT(error.what(), HasSubstr("proto-max-bulk-len"));
  }
}

class LimitsOfTheBuffer : public Limits {
 protected:
  LimitsOfTheBuffer() : Limits({"client-query-buffer-limit 1mb"}) {}
};

TEST_F(LimitsOfTheBuffer, HoldForItemsAndResults) {
  constexpr std::size_t kMost = kMebibyte - 65'536;
  Producer producer("q", impatient());
  EXPECT_THAT(refusal_of([&] { producer.push(std::string(kMost + 1, 'x')); }),
              HasSubstr("has 983041 bytes; this Redis takes no more than 983040"));
  // Several batches of each kind.
  const std::vector<std::string> items = numbered(std::string(3'000, 'i'), 1'000);
  for (const std::string& item : items) producer.push(item);
  producer.push(std::string(kMost, 'x'));
  EXPECT_EQ(producer.finish().pushed, 1'001U);
  const WorkerReport report = work([](const Batch& batch) {
    const bool large = batch.leases.front().item.starts_with('x');
    return std::vector{Outcome::complete(std::string(large ? kMost : 10, 'r'))};
  });
  EXPECT_EQ(report.end, WorkerEnd::drained);
  EXPECT_EQ(report.completed, 1'001U);
}

class LimitsUntold : public Limits {
 protected:
  LimitsUntold() : Limits({"proto-max-bulk-len 1mb", "user blind on >word ~* +@all -config"}) {}
};

TEST_F(LimitsUntold, AreSaidByRedisAndTheSameIsNotSentAgain) {
  push({"a"});
  RedisOptions redis = impatient();
  redis.url = "unix://blind:word@" + server_.socket_path();
  const TimePoint begin = BootClock::now();
  try {
    Worker("q", redis, {}, [](const Job&) {
      return Outcome::complete(std::string(8 * kMebibyte, 'r'));
    }).run();
    FAIL() << "it went on";
  } catch (const RefusedError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("invalid bulk length"), HasSubstr("CONFIG GET")));
  }
  EXPECT_LT(BootClock::now() - begin, 4s) << "before its patience ended";
}

// Without a server

TEST(TooLarge, CountsFollowUpsAndAllBytesOfAnOutcome) {
  using internal::too_large;
  constexpr std::size_t kLongest = internal::kLongestWord;
  Outcome many = Outcome::complete();
  many.follow_ups.resize(internal::kMostFollowUps);
  EXPECT_EQ(too_large(many, kLongest), std::nullopt);
  many.follow_ups.emplace_back();
  EXPECT_EQ(too_large(many, kLongest),
            "it has 250001 follow-ups; the limit per item is 250000, and those with a delay "
            "count twice");
  many.follow_ups.resize(internal::kMostFollowUps / 2);
  for (FollowUp& each : many.follow_ups) each.delay = 1ms;
  EXPECT_EQ(too_large(many, kLongest), std::nullopt);
  many.follow_ups.emplace_back();
  EXPECT_THAT(too_large(many, kLongest).value_or(""), HasSubstr("count twice"));
  Outcome late = Outcome::complete();
  late.follow_ups.emplace_back().delay = 24h + 1ms;
  EXPECT_THAT(too_large(late, kLongest).value_or(""), HasSubstr("the delay of a follow-up of it"));
  Outcome heavy = Outcome::complete(std::string(200 * kMebibyte, 'r'));
  EXPECT_EQ(too_large(heavy, kLongest), std::nullopt);
  heavy.follow_ups.emplace_back(std::string(57 * kMebibyte, 'f'));
  EXPECT_THAT(too_large(heavy, kLongest).value_or(""),
              HasSubstr("its result and its follow-ups have 269484032 bytes together"));
  Outcome failed = Outcome::fail("no");
  failed.result = std::string(10, 'r');
  EXPECT_EQ(too_large(failed, 5), std::nullopt) << "what is not stored counts for nothing";
}

class ManyFollowUps : public QueueTest {};

TEST_F(ManyFollowUps, ThatWaitDifferentTimesAreOneCommandThatRedisTakes) {
  push({"a"});
  Queue queue = open_queue();
  std::vector<Settlement> settlements = all_completed(queue.lease(1, 1min));
  for (std::size_t i = 0; i < internal::kMostFollowUps / 2; ++i) {
    settlements[0].outcome.follow_ups.emplace_back(std::to_string(i)).delay =
        std::chrono::milliseconds{i + 1};
  }
  EXPECT_THAT(queue.settle(std::move(settlements)), ElementsAre(Settled::accepted));
  EXPECT_EQ(counts().delayed, internal::kMostFollowUps / 2);
}

TEST_F(ManyFollowUps, AsManyAsMayBeAreOneCommandThatRedisTakes) {
  push({"a", "b"});
  Queue queue = open_queue();
  std::vector<Settlement> settlements = all_completed(queue.lease(2, 1min));
  for (Settlement& each : settlements)
    each.outcome.follow_ups.resize(internal::kMostFollowUps, "f");
  EXPECT_THAT(queue.settle(settlements), ElementsAre(Settled::accepted, Settled::accepted));
  EXPECT_EQ(counts().ready, 2 * internal::kMostFollowUps);
}

}  // namespace
}  // namespace wq::test
