#include <string>

#include <gmock/gmock.h>

#include "wqctl/listing.h"

namespace wq::ctl {
namespace {

using namespace std::chrono_literals;
using ::testing::EndsWith;
using ::testing::HasSubstr;

TEST(AgeText, HasTwoUnitsAtMost) {
  EXPECT_EQ(age_text(850ms), "850ms");
  EXPECT_EQ(age_text(12'345ms), "12s");
  EXPECT_EQ(age_text(200s), "3m20s");
  EXPECT_EQ(age_text(5h + 7min), "5h07m");
  EXPECT_EQ(age_text(51h), "2d03h");
}

TEST(TimeText, IsUtcToTheSecond) {
  EXPECT_EQ(time_text(ServerTime{1'795'260'879'999ms}), "2026-11-21T11:34:39Z");
  EXPECT_EQ(time_text(ServerTime{-1ms}), "?");
  EXPECT_EQ(time_text(ServerTime{std::chrono::milliseconds::max()}), "?");
}

TEST(ItemText, IsSafeOnAnyTerminal) {
  EXPECT_EQ(item_text("shard-1 é€😀"), "shard-1 é€😀");
  EXPECT_EQ(item_text("a\n\x1b[31m\x7f"), "a\\x0a\\x1b[31m\\x7f");
  EXPECT_EQ(item_text("\xff\xc2\x9b\xe2\x82"), "\\xff\\xc2\\x9b\\xe2\\x82");
  EXPECT_EQ(item_text("\xed\xa0\x80"), "\\xed\\xa0\\x80") << "a surrogate is no character";
  EXPECT_EQ(item_text(std::string("\0", 1)), "\\x00");
  EXPECT_THAT(item_text(std::string(5'000, 'x')), EndsWith("... (5000 bytes)"));
}

TEST(ItemLine, SaysHowLongALeaseLasts) {
  ItemInfo item;
  item.item = "a";
  item.state = ItemState::leased;
  EXPECT_EQ(item_line(item), "popped, not leased  a");
  item.holder = "0123456789abcdef";
  item.left = 42s;
  EXPECT_EQ(item_line(item), "held by 0123456789abcdef, 42s left  a");
  item.worker = "pod-7";
  item.left = -3s;
  EXPECT_EQ(item_line(item), "held by pod-7, ran out 3s ago  a");
}

TEST(WorkersTable, MarksWhoIsOverdue) {
  WorkerInfo worker;
  worker.label = "pod\n7";
  EXPECT_THAT(workers_table({{worker}}), HasSubstr("\npod\\n7"));
  worker.silent = 11s;
  EXPECT_THAT(workers_table({{worker}}), HasSubstr("\n!  pod\\n7"));
}

TEST(State, IsCalledByItsName) {
  for (const char* name : {"ready", "leased", "delayed", "dead"}) {
    EXPECT_EQ(state_name(state_called(name).value()), name);
  }
  EXPECT_EQ(state_called("Ready"), std::nullopt);
}

}  // namespace
}  // namespace wq::ctl
