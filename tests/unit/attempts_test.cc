#include "queue/attempts.h"

#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/host_name.h"

namespace wq::internal {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Settlement begun(std::string item, Outcome outcome = Outcome::complete()) {
  Settlement settlement;
  settlement.lease.item = std::move(item);
  settlement.lease.hash = hash_item(settlement.lease.item);
  settlement.lease.fence = 7;
  settlement.outcome = std::move(outcome);
  settlement.outcome.usage.begun = std::chrono::system_clock::time_point{1'700'000'000'123ms};
  settlement.outcome.usage.wall_time = 1'500ms;
  return settlement;
}

std::vector<Attempt> kept(const std::vector<Settlement>& settlements, std::string_view lost = "") {
  return read_recorded(record_attempts(settlements, "w1").text, lost);
}

std::vector<std::string> items_of(const std::vector<Attempt>& attempts) {
  std::vector<std::string> items;
  for (const Attempt& each : attempts) items.push_back(each.item);
  return items;
}

TEST(Tries, AreReadAsTheyWereRecorded) {
  Failure failure;
  failure.kind = FailureKind::exit;
  failure.exit_code = 3;
  failure.signal = 9;
  Settlement settlement = begun("shard \"1\"\n", Outcome::fail(failure));
  settlement.lease.failures = 1;
  settlement.outcome.usage.slot = 5;
  settlement.outcome.usage.cpu_time = 20ms;
  settlement.outcome.usage.max_rss_bytes = 1'000;
  settlement.outcome.usage.stderr_tail = "no\n";
  const std::vector<Attempt> attempts = kept({settlement});
  ASSERT_THAT(attempts, SizeIs(1));
  const Attempt& read = attempts[0];
  EXPECT_EQ(read.item, settlement.lease.item);
  EXPECT_TRUE(read.whole);
  EXPECT_EQ(read.sha224, text(settlement.lease.hash));
  EXPECT_EQ(read.outcome, Outcome::Kind::fail);
  EXPECT_EQ(read.kind, FailureKind::exit);
  EXPECT_EQ(read.exit_code, 3);
  EXPECT_EQ(read.signal, 9);
  EXPECT_EQ(read.usage.begun, settlement.outcome.usage.begun);
  EXPECT_EQ(read.usage.wall_time, 1'500ms);
  EXPECT_EQ(read.usage.slot, 5U);
  EXPECT_EQ(read.usage.cpu_time, 20ms);
  EXPECT_EQ(read.usage.max_rss_bytes, 1'000U);
  EXPECT_EQ(read.usage.stderr_tail, "no\n");
  EXPECT_EQ(read.attempt, settlement.lease.attempt());
  EXPECT_EQ(read.fence, 7U);
  EXPECT_EQ(read.worker, "w1");
  EXPECT_EQ(read.host, host_name());
}

TEST(Tries, LeaveOutWhatWasNotBegunAndWhatWasLost) {
  Settlement waited = begun("b", Outcome::release());
  waited.outcome.usage.begun.reset();
  const std::vector<Settlement> all{begun("a"), waited, begun("c"), begun("d")};
  EXPECT_THAT(items_of(kept(all)), ElementsAre("a", "c", "d"));
  EXPECT_THAT(items_of(kept(all, "3")), ElementsAre("a", "d"));
  EXPECT_THAT(items_of(kept(all, "1,4")), ElementsAre("c"));
  EXPECT_EQ(record_attempts({{waited}}, "w1").text, "");
}

TEST(Tries, KnowAnItemByItsHashWhenItIsNotKeptWhole) {
  const std::vector<Attempt> attempts =
      kept({begun(std::string(5'000, 'x')), begun("caf\xe9"), begun(std::string("a\0b", 3))});
  ASSERT_THAT(attempts, SizeIs(3));
  EXPECT_FALSE(attempts[0].whole);
  EXPECT_EQ(attempts[0].item, std::string(1'000, 'x'));
  EXPECT_EQ(attempts[0].sha224, text(hash_item(std::string(5'000, 'x'))));
  EXPECT_FALSE(attempts[1].whole);
  EXPECT_EQ(attempts[1].sha224, text(hash_item("caf\xe9")));
  EXPECT_TRUE(attempts[2].whole);
  EXPECT_EQ(attempts[2].item, std::string("a\0b", 3));
}

TEST(Tries, KeepTheLastWholeLinesOfStderr) {
  Settlement talker = begun("a");
  for (int i = 0; i < 1'000; ++i) talker.outcome.usage.stderr_tail += fmt::format("line {}\n", i);
  const std::string tail = kept({talker}).at(0).usage.stderr_tail;
  EXPECT_LE(tail.size(), 4'096U);
  EXPECT_GT(tail.size(), 4'000U);
  EXPECT_THAT(tail, ::testing::StartsWith("line "));
  EXPECT_THAT(tail, ::testing::EndsWith("line 999\n"));
}

TEST(Tries, OfAFullBatchOfTheWorstItemsAreLessThanAMebibyte) {
  Failure failure;
  failure.kind = FailureKind::unpassable;
  failure.exit_code = 255;
  failure.signal = 64;
  Settlement worst = begun(std::string(100'000, '\1'), Outcome::fail(failure));
  worst.lease.fence = UINT64_MAX;
  worst.outcome.usage.slot = UINT32_MAX;
  worst.outcome.usage.cpu_time = worst.outcome.usage.wall_time = std::chrono::milliseconds::max();
  worst.outcome.usage.max_rss_bytes = UINT64_MAX;
  worst.outcome.usage.stderr_tail = std::string(4'096, '\1');
  const std::vector<Settlement> all(Queue::kMaxBatch, worst);
  const std::string text = record_attempts(all, std::string(100'000, '\1')).text;
  EXPECT_LT(text.size(), (std::size_t{1} << 20U) - (std::size_t{64} << 10U));
  EXPECT_THAT(read_recorded(text, ""), SizeIs(Queue::kMaxBatch));
}

TEST(Tries, OfANewerVersionMayHaveAKindThatIsNotKnown) {
  const std::vector<Attempt> attempts =
      read_recorded(R"({"tries":[{"fence":1,"outcome":"failed","kind":"overheated"}]})", "");
  ASSERT_THAT(attempts, SizeIs(1));
  EXPECT_EQ(attempts[0].kind, FailureKind::other);
  EXPECT_EQ(text(FailureKind::other), "other");
}

TEST(Tries, OfEntriesThatMakeNoSenseAreNone) {
  for (const char* text :
       {"", "1", "[]", "{}", R"({"tries":1})", R"({"tries":[1,null,{}]})",
        R"({"tries":[{"fence":1,"outcome":"well"}]})", "{\"tries\":[{\"fence\":1}"}) {
    EXPECT_THAT(read_recorded(text, ",,x,1"), IsEmpty()) << text;
  }
  const std::vector<Attempt> odd = read_recorded(
      R"({"worker":1,"tries":[{"fence":"x","item":2,"begun_ms":-1,"wall_ms":1e99,"attempt":-5,"exit_code":99999999999}]})",
      "");
  ASSERT_THAT(odd, SizeIs(1));
  EXPECT_EQ(odd[0].item, "");
  EXPECT_EQ(odd[0].attempt, 1U);
  EXPECT_EQ(odd[0].kind, std::nullopt);
  EXPECT_EQ(odd[0].usage.wall_time, 0ms);
}

}  // namespace
}  // namespace wq::internal
