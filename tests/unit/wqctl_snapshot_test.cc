#include <chrono>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/terminal.h"
#include "wqctl/view/snapshot.h"

namespace wq::ctl {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

Snapshot some() {
  Snapshot now;
  now.queue = "shards";
  now.counts.id = "abc";
  now.counts.ready = 120;
  now.counts.processing = 4;
  now.counts.dead = 2;
  now.counts.pushed = 1000;
  now.counts.leased = 900;
  now.counts.completed = 874;
  now.crew = {.alive = 3, .overdue = 0, .oldest = milliseconds{12'345}};
  return now;
}

Eta some_outlook() {
  Eta eta;
  eta.rate_now = 12.34;
  eta.rate = 0.5;
  eta.span = Seconds{125};
  eta.least = Seconds{91};
  eta.most = Seconds{203};
  return eta;
}

TEST(StatusLine, SaysHowManyItemsAreWhere) {
  EXPECT_EQ(status_line(some()),
            "shards: ready 120, processing 4, delayed 0, dead 2, completed 874 of 1000 pushed, 3 "
            "workers, oldest lease 12s");
}

TEST(StatusLine, SaysWhatIsUnusual) {
  Snapshot now = some();
  now.counts.producers = 2;
  now.counts.paused = true;
  now.counts.crashed = 7;
  now.crew = {.alive = 1, .overdue = 2, .oldest = {}};
  EXPECT_EQ(status_line(now),
            "shards: ready 120, processing 4, delayed 0, dead 2, completed 874 of 1000 pushed, "
            "crashed 7, 1 worker (2 more without a heartbeat), 2 producers filling it, paused");
}

TEST(StatusLine, SaysThatManyItemsCameTooLateToBeLeasedAndNothingOfAFew) {
  Snapshot now = some();
  now.counts.returned = 10;
  EXPECT_THAT(status_line(now), Not(HasSubstr("too late")));
  now.counts.returned = 11;
  EXPECT_THAT(status_line(now), HasSubstr(", 11 arrived too late to be leased, "));
  now.counts.leased = 10'000;
  EXPECT_THAT(status_line(now), Not(HasSubstr("too late")));
}

TEST(StatusLine, SaysNothingOfALeaseThatTheCountsDoNotKnow) {
  Snapshot now = some();
  now.counts.processing = 0;
  drop_outdated(now);
  EXPECT_THAT(status_line(now), AllOf(HasSubstr("3 workers"), Not(HasSubstr("oldest lease"))));
}

TEST(StatusLine, SaysThatNobodyWorksUnlessItMayBeARedisWqClient) {
  Snapshot now = some();
  now.crew = {};
  EXPECT_THAT(status_line(now), HasSubstr("no workers"));
  now.counts.foreign = 1;
  EXPECT_THAT(status_line(now), Not(HasSubstr("no workers")));
}

TEST(StatusLine, SaysThatAQueueIsDrained) {
  Snapshot now{"q", {}, {}, {}};
  now.counts.id = "abc";
  now.counts.completed = 3;
  now.state = QueueState::drained;
  EXPECT_EQ(status_line(now), "q: ready 0, processing 0, delayed 0, dead 0, completed 3, drained");
}

TEST(StatusLine, SaysWhichStagesAQueueIsBehind) {
  Snapshot now{"q", {}, {}, {}};
  now.counts.after = {{"one", "abc"}, {"two", ""}};
  now.state = QueueState::open;
  EXPECT_EQ(status_line(now), "q: not begun, behind one, two");
  now.state = QueueState::drained;
  EXPECT_EQ(status_line(now), "q: no item came from one, two, drained");
  now.counts.id = "abc";
  now.counts.completed = 3;
  now.state = QueueState::open;
  EXPECT_THAT(status_line(now), HasSubstr(", empty, behind one, two"));
}

TEST(StatusLine, SaysThatAQueueHasNotBegun) {
  Snapshot now{"q", {}, {}, {}};
  EXPECT_EQ(status_line(now), "q: not begun, no item was pushed yet");
  now.counts.producers = 1;
  EXPECT_EQ(status_line(now), "q: not begun, a producer is about to push");
}

TEST(StatusLine, CountsWhatARedisWqClientPushedBeforeWeSawTheQueue) {
  Snapshot now{"q", {}, {}, {}};
  now.counts.ready = 5;
  EXPECT_EQ(status_line(now),
            "q: ready 5, processing 0, delayed 0, dead 0, completed 0, no workers");
}

TEST(StatusLine, StaysOneLineWhateverTheName) {
  Snapshot now = some();
  now.queue = "a\nb\x1b[2J";
  EXPECT_TRUE(status_line(now).starts_with("a\\nb\\x1b[2J: "));
}

TEST(StatusJson, IsOneObjectWithEveryCount) {
  const Json json = status_json(some());
  EXPECT_EQ(json["queue"], "shards");
  EXPECT_EQ(json["ready"], 120);
  EXPECT_EQ(json["completed"], 874);
  EXPECT_EQ(json["drained"], false);
  EXPECT_EQ(json["workers"], 3);
  EXPECT_EQ(json["oldest_lease_ms"], 12'345);
  EXPECT_TRUE(json["last_due_ms"].is_null());
  EXPECT_TRUE(json["after"].empty());
  EXPECT_EQ(json.size(), 27U);
}

TEST(StatusJson, StaysJsonForANameThatIsNoUtf8) {
  EXPECT_EQ(Json::parse(json_line(status_json({"\xff", {}, {}, {}})))["queue"], "\xef\xbf\xbd");
}

TEST(WatchJson, HoldsTheOutlookAsWell) {
  const Json json = watch_json(some(), some_outlook());
  EXPECT_EQ(json["rate_now"], 12.34);
  EXPECT_EQ(json["left_min_seconds"], 91);
  EXPECT_EQ(json["left_max_seconds"], 203);
  EXPECT_TRUE(json["silent_seconds"].is_null());
  EXPECT_TRUE(watch_json(some(), {})["left_min_seconds"].is_null());
}

std::string left(double least, double most) {
  Eta eta;
  eta.least = Seconds{least};
  eta.most = Seconds{most};
  return left_text(eta);
}

TEST(LeftText, IsAsCoarseAsTheNumberAllows) {
  EXPECT_EQ(left(0, 0.2), "up to 1s left");
  EXPECT_EQ(left(0.4, 7.2), "up to 8s left");
  EXPECT_EQ(left(3.4, 7.2), "3s to 8s left");
  EXPECT_EQ(left(58, 81), "55s to 1m25s left");
  EXPECT_EQ(left(60, 60), "1m left");
  EXPECT_EQ(left(121, 1'201), "2m to 25m left");
  EXPECT_EQ(left(3'700, 8'000), "1h to 2h15m left");
  EXPECT_EQ(left(100'000, 800'000), "1d03h to 9d08h left");
}

TEST(LeftText, IsAtLeastWhileMoreMayCome) {
  Eta eta;
  EXPECT_EQ(left_text(eta), "");
  eta.least = Seconds{65};
  EXPECT_EQ(left_text(eta), "at least 1m05s left");
  eta.least = Seconds{0.3};
  EXPECT_EQ(left_text(eta), "");
}

TEST(SilenceText, SaysSinceWhenAndWhatIsHeld) {
  Eta eta = some_outlook();
  EXPECT_EQ(silence_text(some(), eta), "");
  eta.silent = Seconds{300};
  EXPECT_EQ(silence_text(some(), eta), "no item completed for 5m00s; oldest lease 12s");
  Snapshot alone = some();
  alone.crew = {};
  EXPECT_EQ(silence_text(alone, eta), "no item completed for 5m00s: no worker is alive");
}

TEST(WatchLine, AddsWhatIsKnownAboutTheTime) {
  EXPECT_EQ(watch_line(some(), some_outlook()),
            status_line(some()) + ", 12.3/s now, 30.0/min over 2m05s, 1m30s to 3m30s left");
}

TEST(WatchFrame, ShowsABarAndEverythingThatMatters) {
  EXPECT_THAT(watch_frame(some(), some_outlook(), 80, false),
              ElementsAre("shards  [===================================>    ]  87.6%",
                          "ready 120  processing 4  completed 874 of 1000 pushed  dead 2",
                          "12.3/s now, 30.0/min over 2m05s  1m30s to 3m30s left",
                          "3 workers  oldest lease 12s"));
}

TEST(WatchFrame, TakesMoreLinesInANarrowWindow) {
  EXPECT_THAT(watch_frame(some(), some_outlook(), 40, false),
              ElementsAre("shards  [===================>  ]  87.6%", "ready 120  processing 4",
                          "completed 874 of 1000 pushed  dead 2", "12.3/s now, 30.0/min over 2m05s",
                          "1m30s to 3m30s left", "3 workers  oldest lease 12s"));
}

TEST(WatchFrame, IsNeverAsWideAsTheWindow) {
  Snapshot now = some();
  now.queue = "a rather long name \xe4\xbd\xa0\xe5\xa5\xbd\xe4\xbd\xa0\xe5\xa5\xbd of a queue";
  now.counts.paused = true;
  now.counts.producers = 1;
  Eta eta = some_outlook();
  eta.silent = Seconds{500};
  for (std::size_t columns = 0; columns < 200; ++columns) {
    for (const bool colour : {false, true}) {
      for (const std::string& line : watch_frame(now, eta, columns, colour)) {
        EXPECT_LT(cli::columns_of(line), std::max<std::size_t>(columns, 2)) << line;
      }
    }
  }
}

TEST(WatchFrame, HasColoursOnlyWhenAsked) {
  const auto all = [](bool colour) {
    std::string text;
    for (const std::string& line : watch_frame(some(), some_outlook(), 80, colour)) text += line;
    return text;
  };
  EXPECT_THAT(all(false), Not(HasSubstr("\x1b")));
  EXPECT_THAT(all(true), HasSubstr("\x1b[31mdead 2\x1b[0m"));
}

TEST(WatchFrame, SaysAHundredPercentOnlyWhenNothingIsLeft) {
  Snapshot now = some();
  now.counts = {};
  now.counts.id = "abc";
  now.counts.processing = 1;
  now.counts.pushed = 1'000'000;
  now.counts.completed = 999'999;
  EXPECT_THAT(watch_frame(now, {}, 80, false).front(), HasSubstr(" 99.9%"));
  now.counts.processing = 0;
  ++now.counts.completed;
  EXPECT_THAT(watch_frame(now, {}, 80, false).front(), HasSubstr(" 100.0%"));
}

TEST(Fit, CutsBetweenCharactersAndSaysSo) {
  EXPECT_EQ(cli::fit("abcdefgh", 8), "abcdefgh");
  EXPECT_EQ(cli::fit("abcdefgh", 7), "abcd...");
  EXPECT_EQ(cli::fit("abcdefgh", 3), "abc");
  EXPECT_EQ(cli::fit("\xe4\xbd\xa0\xe5\xa5\xbd", 3), "\xe4\xbd\xa0");
  EXPECT_EQ(cli::fit("\xff\xff\xff", 2), "\xff\xff");
  EXPECT_EQ(cli::columns_of("\x1b[31mab\x1b[0mc\x1b"), 3U);
}

}  // namespace
}  // namespace wq::ctl
