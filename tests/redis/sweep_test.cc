// The reclaimer and what producers and workers leave behind; counts.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <wq/reclaimer.h>

#include "maintenance/heartbeat.h"
#include "queue/operations.h"
#include "support/eventually.h"
#include "support/queue_test.h"

namespace wq::test {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::Not;

class Sweep : public QueueTest {
 protected:
  // The producer `session` with a hold of 10 s that ended `ago` ago.
  void hold(const std::string& session, std::chrono::milliseconds ago) {
    const std::int64_t now_ms = redis_.time_ms();
    redis_.call({"HSET", keys_.replay(session), "floor", "0", "hold_ms", "10000"});
    redis_.call({"ZADD", key(Key::replays), std::to_string(now_ms), session});
    redis_.call({"ZADD", key(Key::producers), std::to_string(now_ms - ago.count()), session});
  }
  // How often the hold was dropped in passes at these times.
  std::uint64_t dropped_at(const std::vector<std::chrono::milliseconds>& times) {
    std::uint64_t dropped = 0;
    for (const auto time : times) dropped += reclaimer_.pass(begin_ + time).holds;
    return dropped;
  }

  Reclaimer reclaimer_{"q", options()};
  TimePoint begin_ = BootClock::now();
};

TEST_F(Sweep, KeepsAHoldThatHasNotExpired) {
  hold("s", -5s);
  EXPECT_EQ(dropped_at({0s, 20s, 20s, 40s}), 0U);
  EXPECT_EQ(counts().producers, 1U);
}

TEST_F(Sweep, DropsAnExpiredHoldOfWhichNoSignOfLifeWasSeenForItsWholeLength) {
  hold("s", 5s);
  EXPECT_EQ(dropped_at({0s, 9s}), 0U);
  EXPECT_EQ(counts().producers, 1U);
  EXPECT_EQ(dropped_at({10s, 10s}), 1U);
  EXPECT_EQ(counts().producers, 0U);
}

TEST_F(Sweep, CountsTheTimeBeforeAHoldExpiresIfNoSignOfLifeWasSeenInIt) {
  hold("s", -1ms);
  reclaimer_.pass(begin_);
  ASSERT_TRUE(eventually([this] {
    const auto expiry = redis_.text({"ZSCORE", key(Key::producers), "s"});
    return std::stoll(expiry.value_or("0")) < redis_.time_ms();
  }));
  EXPECT_EQ(dropped_at({9s, 9s}), 0U);
  EXPECT_EQ(dropped_at({10s, 10s}), 1U);
}

TEST_F(Sweep, KeepsAHoldThatWasRenewedMeanwhile) {
  hold("s", 5s);
  reclaimer_.pass(begin_);
  reclaimer_.pass(begin_ + 10s);  // the next one drops it
  hold("s", -1s);
  reclaimer_.pass(begin_ + 10s);
  EXPECT_EQ(counts().producers, 1U);
}

TEST_F(Sweep, CountsNoHoldThatWasRenewedAtTheLastMoment) {
  hold("s", 5s);
  reclaimer_.pass(begin_);
  reclaimer_.pass(begin_ + 10s);
  hold("s", -1s);
  EXPECT_EQ(reclaimer_.pass(begin_ + 10s).holds, 0U);
}

TEST_F(Sweep, BeginsAnewWhenAHoldExpiresAgain) {
  hold("s", 5s);
  reclaimer_.pass(begin_);
  hold("s", 1s);
  EXPECT_EQ(dropped_at({9s, 18s, 18s}), 0U);
  EXPECT_EQ(dropped_at({19s, 19s}), 1U);
}

TEST_F(Sweep, BeginsAnewOnANewConnection) {
  hold("s", 5s);
  reclaimer_.pass(begin_);
  redis_.call({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
  EXPECT_EQ(dropped_at({9s, 18s, 18s}), 0U);
  EXPECT_EQ(dropped_at({19s, 19s}), 1U);
}

TEST_F(Sweep, AHoldWithoutASessionLastsHalfAMinute) {
  hold("s", 5s);
  redis_.call({"DEL", keys_.replay("s")});
  EXPECT_EQ(dropped_at({0s, 29s, 29s}), 0U);
  EXPECT_EQ(dropped_at({30s, 30s}), 1U);
}

TEST_F(Sweep, CutsAnImpossibleHoldDown) {
  hold("s", -10h);
  reclaimer_.pass(begin_);
  const auto left_ms = std::stoll(redis_.text({"ZSCORE", key(Key::producers), "s"}).value_or("0")) -
                       redis_.time_ms();
  EXPECT_THAT(left_ms, AllOf(Ge(internal::kLongestHold.count() - 60'000),
                             Le(internal::kLongestHold.count())));
}

TEST_F(Sweep, EndsASessionThatWasSilentForADay) {
  hold("silent", -10s);
  hold("alive", -10s);
  const std::string day_ago = std::to_string(redis_.time_ms() - 86'400'001);
  redis_.call({"ZADD", key(Key::replays), day_ago, "silent"});
  reclaimer_.pass(begin_);
  EXPECT_FALSE(redis_.exists(keys_.replay("silent")));
  EXPECT_TRUE(redis_.exists(keys_.replay("alive")));
  EXPECT_THAT(redis_.list({"ZRANGE", key(Key::replays), "0", "-1"}), ElementsAre("alive"));
}

TEST_F(Sweep, RemovesTheEntriesOfWorkersThatAreGoneAndWhatIsNoEntry) {
  const std::int64_t now_ms = redis_.time_ms();
  const auto entry = [](std::int64_t seen_ms) {
    return nlohmann::json({{"label", "x"}, {"seen_ms", seen_ms}}).dump();
  };
  redis_.call({"HSET", key(Key::workers), "alive", entry(now_ms - 500'000), "gone",
               entry(now_ms - 601'000), "odd", "not json", "empty", "{}", "text",
               R"({"seen_ms":"x"})"});
  reclaimer_.pass(begin_);
  EXPECT_THAT(redis_.list({"HKEYS", key(Key::workers)}), ElementsAre("alive"));
}

class Heartbeats : public QueueTest {
 protected:
  nlohmann::json entry(const std::string& session) {
    return nlohmann::json::parse(
        redis_.text({"HGET", key(Key::workers), session}).value_or("null"));
  }

  internal::ReconnectingConnection link_{options(), {}};
  internal::Heartbeat first_{link_, keys_, "first"};
  internal::Heartbeat second_{link_, keys_, "second"};
  internal::WorkerStatus status_{"label", "host", 7, 2, 3, std::chrono::seconds{6}, 4, 5};
};

TEST_F(Heartbeats, TellWhatAWorkerDoes) {
  static_cast<void>(first_.beat(status_));
  const auto json = entry("first");
  EXPECT_EQ(json["label"], "label");
  EXPECT_EQ(json["host"], "host");
  EXPECT_EQ(json["pid"], 7);
  EXPECT_EQ(json["slots"], 2);
  EXPECT_EQ(json["holding"], 3);
  EXPECT_EQ(json["oldest_ms"], 6'000);
  EXPECT_EQ(json["completed"], 4);
  EXPECT_EQ(json["failed"], 5);
  EXPECT_LE(json["seen_ms"].get<std::int64_t>(), redis_.time_ms());
}

TEST_F(Heartbeats, OfAWorkerThatRestsSayHowToWakeItAndAreNotOldBeforeTheNext) {
  redis_.call({"HSET", key(Key::stats), "id", "q"});
  status_.waits = "run:7";
  status_.next = std::chrono::minutes{5};
  const std::int64_t before_ms = redis_.time_ms();
  static_cast<void>(first_.beat(status_));
  EXPECT_EQ(entry("first")["waits"], "run:7");
  EXPECT_GE(entry("first")["seen_ms"].get<std::int64_t>(), before_ms + 300'000);
  status_.waits.clear();
  status_.next = {};
  static_cast<void>(first_.beat(status_));
  EXPECT_FALSE(entry("first").contains("waits"));
  EXPECT_LE(entry("first")["seen_ms"].get<std::int64_t>(), redis_.time_ms());
}

TEST_F(Heartbeats, OfAWorkerThatGoesOnRestingAreTwoCommands) {
  redis_.call({"HSET", key(Key::stats), "id", "q"});
  status_.waits = "run:7";
  static_cast<void>(first_.beat(status_));
  const auto first_seen = entry("first")["seen_ms"].get<std::int64_t>();
  redis_.call({"DEL", key(Key::reclaimer)});
  redis_.call({"CONFIG", "RESETSTAT"});
  EXPECT_TRUE(first_.beat(status_)) << "it bids";
  const std::string stats = redis_.text({"INFO", "commandstats"}).value();
  for (const char* used : {"cmdstat_hset:calls=1,", "cmdstat_set:calls=1,"}) {
    EXPECT_THAT(stats, HasSubstr(used));
  }
  for (const char* unused : {"cmdstat_time", "cmdstat_hget", "cmdstat_persist", "cmdstat_pttl"}) {
    EXPECT_THAT(stats, Not(HasSubstr(unused)));
  }
  EXPECT_GE(entry("first")["seen_ms"].get<std::int64_t>(), first_seen);
}

TEST_F(Heartbeats, KeepTheTimeOfTheFirst) {
  static_cast<void>(first_.beat(status_));
  const auto started = entry("first")["started_ms"];
  ASSERT_TRUE(redis_.time_ms() > 0);
  static_cast<void>(first_.beat(status_));
  EXPECT_EQ(entry("first")["started_ms"], started);
}

TEST_F(Heartbeats, ElectOneReclaimerAtATime) {
  EXPECT_TRUE(first_.beat(status_));
  EXPECT_FALSE(second_.beat(status_));
  EXPECT_FALSE(first_.beat(status_));  // in office, not elected again
  EXPECT_EQ(redis_.text({"GET", key(Key::reclaimer)}), "first");
  EXPECT_THAT(redis_.integer({"PTTL", key(Key::reclaimer)}), AllOf(Ge(1), Le(4'000)));
  redis_.call({"DEL", key(Key::reclaimer)});
  EXPECT_TRUE(second_.beat(status_));
}

TEST_F(Heartbeats, CutAnImpossibleTenureDown) {
  for (const char* expiry : {"", "90000000"}) {
    redis_.call({"SET", key(Key::reclaimer), "gone"});
    if (*expiry != '\0') redis_.call({"PEXPIRE", key(Key::reclaimer), expiry});
    EXPECT_FALSE(first_.beat(status_));
    EXPECT_THAT(redis_.integer({"PTTL", key(Key::reclaimer)}), AllOf(Ge(1), Le(4'000)));
  }
}

TEST_F(Heartbeats, LeaveRemovesTheEntryAndOfADrainedQueueAllOfThem) {
  static_cast<void>(first_.beat(status_));
  static_cast<void>(second_.beat(status_));
  first_.leave(false);
  EXPECT_THAT(redis_.list({"HKEYS", key(Key::workers)}), ElementsAre("second"));
  first_.leave(true);
  EXPECT_FALSE(redis_.exists(key(Key::workers)));
}

TEST_F(Heartbeats, AcceptALabelThatIsNotUtf8) {
  status_.label = "\xff\xfe";
  static_cast<void>(first_.beat(status_));
  EXPECT_EQ(entry("first")["label"], "\xef\xbf\xbd\xef\xbf\xbd");
}

using Counting = QueueTest;

TEST_F(Counting, AQueueThatHasNotBegunIsNotDrained) {
  const Counts nothing = counts();
  EXPECT_THAT(nothing.id, IsEmpty());
  EXPECT_FALSE(nothing.drained());
  EXPECT_THAT(everything(), IsEmpty());
}

TEST_F(Counting, EveryFieldIsRead) {
  redis_.call({"HSET",       key(Key::stats),
               "id",         "x",
               "pushed",     "1",
               "leased",     "2",
               "completed",  "3",
               "failed",     "4",
               "crashed",    "5",
               "returned",   "6",
               "released",   "7",
               "dead",       "8",
               "dropped",    "9",
               "merged",     "10",
               "foreign",    "11",
               "unheard of", "12"});
  redis_.call({"SET", key(Key::paused), ""});
  redis_.call({"RPUSH", key(Key::ready), "a"});
  redis_.call({"RPUSH", key(Key::processing), "a", "b"});
  redis_.call({"ZADD", key(Key::delayed), "1", "a", "1", "b", "1", "c"});
  redis_.call({"ZADD", key(Key::dead), "1", "a", "1", "b", "1", "c", "1", "d"});
  redis_.call({"ZADD", key(Key::producers), "1", "a"});
  const Counts now = counts();
  EXPECT_EQ(now.id, "x");
  EXPECT_TRUE(now.paused);
  EXPECT_THAT((std::vector{now.ready, now.processing, now.delayed, now.dead, now.producers}),
              ElementsAre(1, 2, 3, 4, 1));
  EXPECT_THAT(
      (std::vector{now.pushed, now.leased, now.completed, now.failed, now.crashed, now.returned,
                   now.released, now.died, now.dropped, now.merged, now.foreign}),
      ElementsAre(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
  conserves_ = false;  // made up
}

TEST_F(Counting, DrainedMeansBegunAndNothingLeftButDeadLetters) {
  redis_.call({"HSET", key(Key::stats), "id", "x"});
  redis_.call({"ZADD", key(Key::dead), "1", "a"});
  EXPECT_TRUE(counts().drained());
  for (const Key list : {Key::ready, Key::processing}) {
    redis_.call({"RPUSH", key(list), "a"});
    EXPECT_FALSE(counts().drained());
    redis_.call({"DEL", key(list)});
  }
  for (const Key set : {Key::delayed, Key::producers}) {
    redis_.call({"ZADD", key(set), "1", "a"});
    EXPECT_FALSE(counts().drained());
    redis_.call({"DEL", key(set)});
  }
  EXPECT_TRUE(counts().drained());
  foreign_pushes_ = 1;
}

}  // namespace
}  // namespace wq::test
