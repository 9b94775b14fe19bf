#include <string>

#include <gmock/gmock.h>

#include "wqctl/view/listing.h"

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
  EXPECT_EQ(item_line(item), "held by pod-7, expired 3s ago  a");
}

TEST(ItemLine, SaysOnWhatAnItemDiedAndWhereInOneColumn) {
  ItemInfo item;
  item.item = "a";
  item.state = ItemState::dead;
  item.crashes = 3;
  item.failure.emplace();
  item.failure->kind = FailureKind::oom;
  item.failure->message = "killed";
  EXPECT_THAT(item_line(item), EndsWith("0 failures, 3 crashes  oom: killed  a"));
  item.failure->host = "node3";
  item.failure->wall_time = 72s;
  item.failure->max_rss_bytes = 201 << 20;
  EXPECT_THAT(item_line(item), EndsWith("  oom: killed  (node3, 1m12s, 201 MiB)  a"));
  item.failure->worker = "pod\n7";
  EXPECT_THAT(item_line(item), EndsWith("  (pod\\n7, 1m12s, 201 MiB)  a"));
}

TEST(ItemDetails, TellEverythingOfTheLastFailure) {
  ItemInfo item;
  item.item = "a";
  item.state = ItemState::dead;
  Failure& failure = item.failure.emplace();
  failure.kind = FailureKind::signal;
  failure.message = "killed by signal 11 (SIGSEGV)";
  failure.signal = 11;
  failure.worker = "pod-7";
  failure.host = "node3";
  failure.wall_time = 72s;
  failure.cpu_time = 70'400ms;
  failure.max_rss_bytes = 201 << 20;
  failure.stdout_tail = "zero\n";
  failure.stderr_tail = "one\ntwo";
  EXPECT_THAT(item_details(item), EndsWith("  last failure: signal: killed by signal 11 (SIGSEGV)\n"
                                           "    worker:     pod-7\n"
                                           "    host:       node3\n"
                                           "    signal:     11\n"
                                           "    memory:     201 MiB (peak)\n"
                                           "    took:       1m12s\n"
                                           "    CPU time:   1m10s\n"
                                           "    stdout:\n"
                                           "      zero\n"
                                           "    stderr:\n"
                                           "      one\n"
                                           "      two\n"));
  EXPECT_THAT(item_json(item), HasSubstr(R"("stdout_tail":"zero\n","stderr_tail":"one\ntwo")"));
  EXPECT_THAT(item_json(item),
              HasSubstr(R"("cpu_ms":70400,"wall_ms":72000,"worker":"pod-7","host":"node3")"));
}

TEST(WorkersTable, MarksWhoIsOverdue) {
  WorkerInfo worker;
  worker.label = "pod\n7";
  EXPECT_THAT(workers_table({{worker}}), HasSubstr("\npod\\n7"));
  worker.silent = 11s;
  EXPECT_THAT(workers_table({{worker}}), HasSubstr("\n!  pod\\n7"));
}

TEST(QueuesTable, AlignsWhatStandsBehindNamesOfAnyScript) {
  QueueList list;
  for (const char* name : {"shards", "画像", "e\u0301te"}) {
    ListedQueue queue;
    queue.name = name;
    queue.counts.emplace().ready = 7;
    list.queues.push_back(queue);
  }
  const std::string table = queues_table(list);
  EXPECT_THAT(table, HasSubstr("QUEUE   READY  "));
  EXPECT_THAT(table, HasSubstr("\nshards  7      "));
  EXPECT_THAT(table, HasSubstr("\n画像    7      ")) << "two columns for each";
  EXPECT_THAT(table, HasSubstr("\ne\u0301te     7      ")) << "the accent takes none";
}

TEST(State, IsCalledByItsName) {
  for (const char* name : {"ready", "leased", "delayed", "dead"}) {
    EXPECT_EQ(state_name(state_called(name).value()), name);
  }
  EXPECT_EQ(state_called("Ready"), std::nullopt);
}

}  // namespace
}  // namespace wq::ctl
