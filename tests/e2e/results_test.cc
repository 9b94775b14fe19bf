#include <atomic>
#include <csignal>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>

#include "e2e/programs.h"
#include "support/fault_proxy.h"

// `wqctl results`: to a pipe, to files, until the queue is drained, and what it removes.
namespace wq::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class Results : public ProgramTest {
 protected:
  Results() : ProgramTest({"appendonly yes", "appendfsync always"}) {}

  /// Results of the items `prefix`0 to n - 1, committed one after the other.
  void add(const std::string& prefix, std::size_t n) {
    push(numbered(prefix, n));
    complete(n);
  }

  /// Completes the `n` items that are next.
  void complete(std::size_t n) {
    Queue queue = open_queue();
    for (Lease& lease : queue.lease(n, std::chrono::minutes{1})) {
      Outcome outcome = Outcome::complete("result of " + lease.item);
      ASSERT_EQ(queue.settle({{std::move(lease), std::move(outcome)}}).front(), Settled::accepted);
    }
  }

  [[nodiscard]] Process reader(const Words& options, ProcessOptions process = {}) const {
    return ctl_process(Words{"results", "q"} + options, std::move(process));
  }

  /// A reader that `look` is shown every request of, before Redis gets it, from the first on.
  [[nodiscard]] Process watched_reader(FaultProxy& proxy, const Words& options,
                                       std::function<void(pid_t, std::string_view)> look) const {
    Process process = start(
        Words{"sh", "-c", R"(read -r go; exec "$@")", "_", kCtlProgram, "results", "q"} + options,
        {.environment = {{"WQ_REDIS", proxy.options().url}}, .open_input = true});
    proxy.watch([pid = process.pid(), look = std::move(look)](std::string_view bytes) {
      if (!bytes.empty()) look(pid, bytes);
    });
    process.write("\n");
    return process;
  }

  /// The items of lines as `wqctl results` writes them.
  [[nodiscard]] static Words items_of(const std::string& text) {
    Words items;
    for (const std::string& line : lines(text)) {
      const nlohmann::json result = nlohmann::json::parse(line);
      EXPECT_EQ(result.at("result"), "result of " + result.at("item").get<std::string>());
      items.push_back(result.at("item"));
    }
    return items;
  }

  [[nodiscard]] static Words files_in(const std::string& folder) {
    Words files;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      if (entry.path().extension() == ".jsonl") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    return files;
  }

  [[nodiscard]] static std::string text_in(const std::string& folder) {
    std::string text;
    for (const std::string& file : files_in(folder)) text += content_of(file);
    return text;
  }

  [[nodiscard]] std::int64_t kept() { return redis_.integer({"XLEN", key(Key::results)}); }
};

TEST_F(Results, WithFollowArePrintedAsTheyComeUntilTheQueueIsDrained) {
  push({"a", "b"});
  complete(1);
  Process process = reader({"--follow"});
  process.wait_for_out("result of a");
  complete(1);
  EXPECT_EQ(process.wait(), 0) << process.err();
  EXPECT_THAT(items_of(process.out()), ElementsAre("a", "b"));
}

TEST_F(Results, WithFollowAreAllPrintedOfAQueueThatIsDrained) {
  add("", 300);
  Process process = reader({"--follow"});
  EXPECT_EQ(process.wait(), 0) << process.err();
  EXPECT_EQ(items_of(process.out()), numbered("", 300));
}

TEST_F(Results, WithFollowWaitForAQueueToBeginAndNotForEver) {
  Process never = reader({"--follow", "--wait-open", "300ms"});
  EXPECT_EQ(never.wait(), 6);
  EXPECT_THAT(never.err(), HasSubstr("the queue q did not begin within 300ms"));
  Process process = reader({"--follow", "--to", path("results")});
  ASSERT_TRUE(eventually([this] { return std::filesystem::exists(path("results")); }));
  add("", 3);
  EXPECT_EQ(process.wait(), 0) << process.err();
  EXPECT_EQ(items_of(text_in(path("results"))), numbered("", 3));
}

TEST_F(Results, WithFollowEndWhenInterruptedAndNothingThatWasTrimmedIsMissing) {
  push({"a", "b"});
  complete(1);
  Process process = reader({"--follow", "--trim"});
  process.wait_for_out("result of a");
  process.signal(SIGINT);
  EXPECT_EQ(process.wait(), 130) << process.err();
  EXPECT_THAT(items_of(process.out()), ElementsAre("a"));
  EXPECT_EQ(kept(), 0);
  EXPECT_EQ(process.err(), "");
  complete(1);
}

TEST_F(Results, WithFollowGoOnWhenRedisIsBack) {
  push({"a", "b"});
  complete(1);
  Process process = reader({"--follow"});
  process.wait_for_out("result of a");
  server_.kill();
  process.wait_for_err("Redis");
  server_.start();
  complete(1);
  EXPECT_EQ(process.wait(), 0) << process.err();
  EXPECT_THAT(items_of(process.out()), ElementsAre("a", "b"));
}

TEST_F(Results, WithFollowEndWithAnErrorWhenTheQueueIsPurged) {
  push({"a", "b"});
  complete(1);
  Process process = reader({"--follow"});
  process.wait_for_out("result of a");
  static_cast<void>(ctl({"purge", "q", "--yes"}));
  EXPECT_EQ(process.wait(), 1);
  EXPECT_THAT(process.err(), HasSubstr("Redis lost its data, or it was purged"));
  EXPECT_THAT(items_of(process.out()), ElementsAre("a"));
  conserves_ = false;
}

TEST_F(Results, StayInRedisUntilTheyAreTrimmed) {
  add("a", 250);
  EXPECT_THAT(lines(ctl({"results", "q"})), SizeIs(250));
  EXPECT_EQ(kept(), 250);
  EXPECT_EQ(items_of(ctl({"results", "q", "--trim"})), numbered("a", 250));
  EXPECT_EQ(kept(), 0);
  add("b", 2);
  EXPECT_EQ(items_of(ctl({"results", "q", "--trim"})), numbered("b", 2));
}

TEST_F(Results, ThatCannotBeWrittenAreNotTrimmed) {
  add("", 20);
  const std::string command = std::string(kCtlProgram) + " results q --trim >/dev/full";
  Process full = start({"sh", "-c", command});
  EXPECT_EQ(full.wait(), 1);
  EXPECT_THAT(full.err(), HasSubstr("cannot write to standard output: No space left on device"));
  EXPECT_EQ(kept(), 20);
}

TEST_F(Results, ThatWerePrintedByAReaderKilledBeforeItTrimsAreThereAgain) {
  add("", 20);
  FaultProxy proxy(server_);
  proxy.lose_request("XTRIM");
  Process process = watched_reader(proxy, {"--trim"}, [](pid_t pid, std::string_view bytes) {
    if (bytes.find("XTRIM") != std::string_view::npos) ::kill(pid, SIGKILL);
  });
  EXPECT_EQ(process.wait(), -SIGKILL);
  EXPECT_EQ(items_of(process.out()), numbered("", 20));
  EXPECT_EQ(items_of(ctl({"results", "q", "--trim"})), numbered("", 20));
  EXPECT_EQ(kept(), 0);
}

TEST_F(Results, InFilesAreTheLinesOfStandardOutput) {
  add("", 300);
  EXPECT_EQ(ctl({"results", "q", "--to", path("results")}), "");
  EXPECT_THAT(files_in(path("results")), ElementsAre(path("results") + "/results-000001.jsonl"));
  EXPECT_EQ(text_in(path("results")), ctl({"results", "q"}));
}

TEST_F(Results, InFilesGoOnWhereTheyEnded) {
  add("", 20);
  static_cast<void>(ctl({"results", "q", "--to", path("results")}));
  static_cast<void>(ctl({"results", "q", "--to", path("results")}));
  EXPECT_THAT(lines(text_in(path("results"))), SizeIs(20));
  add("more", 10);
  static_cast<void>(ctl({"results", "q", "--to", path("results"), "--trim"}));
  EXPECT_EQ(items_of(text_in(path("results"))), numbered("", 20) + numbered("more", 10));
  EXPECT_EQ(kept(), 0);
}

TEST_F(Results, InFilesKeepAnyBytes) {
  push({std::string("\xff\0\n", 3), "../../etc/passwd"});
  EXPECT_EQ(work({"--results"}, {"printf", R"(\376\0\377)"}), 0);
  static_cast<void>(ctl({"results", "q", "--to", path("results")}));
  const Words written = lines(text_in(path("results")));
  ASSERT_THAT(written, SizeIs(2));
  EXPECT_EQ(nlohmann::json::parse(written[0]).at("item_base64"), "/wAK");
  EXPECT_EQ(nlohmann::json::parse(written[0]).at("result_base64"), "/gD/");
  EXPECT_EQ(nlohmann::json::parse(written[1]).at("item"), "../../etc/passwd");
}

// Each command that it sends is a moment: before the first, between reading and writing, between
// writing and trimming, after it.
TEST_F(Results, InFilesAreNeitherDoubledNorMissingAfterAKillAtAnyCommand) {
  FaultProxy proxy(server_);
  const std::string folder = path("results");
  Words expected;
  unsigned kills = 0;
  for (bool ended = false; !ended; ++kills) {
    ASSERT_LT(kills, 200U);
    // Something new each time.
    const std::string prefix = "round" + std::to_string(kills) + "-";
    add(prefix, 40);
    expected = expected + numbered(prefix, 40);
    const auto seen = std::make_shared<std::atomic<unsigned>>(0U);
    Process process = watched_reader(proxy, {"--to", folder, "--trim"},
                                     [seen, kills](pid_t pid, std::string_view) {
                                       if ((*seen)++ == kills) ::kill(pid, SIGKILL);
                                     });
    ended = process.wait() == 0;
    proxy.watch([](std::string_view) {});
    const Words written = std::filesystem::exists(folder) ? items_of(text_in(folder)) : Words{};
    ASSERT_LE(written.size(), expected.size());
    ASSERT_TRUE(std::equal(written.begin(), written.end(), expected.begin())) << kills;
    if (ended) {
      EXPECT_EQ(written, expected);
      EXPECT_EQ(kept(), 0);
    }
  }
  EXPECT_GE(kills, 8U) << "it was killed at hardly any command";
}

TEST_F(Results, InFilesAreCompleteWhoeverIsKilledWhileWorkersAddThem) {
  const Words items = numbered("", 1'000);
  push(items);
  const std::string folder = path("results");
  FaultProxy proxy(server_);
  Process worker =
      this->worker({"--results", "--concurrency", "2"}, {"printf", "result of %s", "{}"});
  unsigned kills = 0;
  for (unsigned round = 0; round < 6; ++round) {
    const std::string_view where = round % 2 == 0 ? "XRANGE" : "XTRIM";
    const auto seen = std::make_shared<std::atomic<unsigned>>(0U);
    Process process = watched_reader(proxy, {"--follow", "--to", folder, "--trim"},
                                     [seen, where](pid_t pid, std::string_view bytes) {
                                       const bool there =
                                           bytes.find(where) != std::string_view::npos;
                                       if (there && ++*seen == 2) ::kill(pid, SIGKILL);
                                     });
    if (process.wait() != 0) ++kills;
    proxy.watch([](std::string_view) {});
  }
  EXPECT_GE(kills, 2U);
  Process last = reader({"--follow", "--to", folder, "--trim"});
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  EXPECT_EQ(last.wait(), 0) << last.err();
  Words written = items_of(text_in(folder));
  EXPECT_THAT(written, SizeIs(items.size()));
  EXPECT_EQ(std::set<std::string>(written.begin(), written.end()),
            std::set<std::string>(items.begin(), items.end()));
  EXPECT_EQ(kept(), 0);
}

TEST_F(Results, InFilesNeedAFolder) {
  add("", 1);
  struct Refused {
    std::string folder;
    const char* reason;
  };
  for (const Refused& each : {Refused{file("file", ""), "Not a directory"},
                              Refused{path("no/folder"), "No such file or directory"},
                              Refused{"/proc/results", "No such file or directory"}}) {
    Process process = reader({"--to", each.folder, "--trim"});
    EXPECT_EQ(process.wait(), 2);
    EXPECT_EQ(process.err(),
              "wqctl: --to: cannot write '" + each.folder + "': " + each.reason + "\n");
  }
  EXPECT_EQ(kept(), 1);
}

TEST_F(Results, InFilesEndWithAWholeLineWhenThereIsNoRoom) {
  add("", 400);
  const std::string folder = path("results");
  // In blocks of 512 bytes. Without the trap the system would kill it, unlike a process whose disk
  // is full.
  Process process = start({"sh", "-c", R"(trap "" XFSZ; ulimit -f 20; exec "$@")", "_", kCtlProgram,
                           "results", "q", "--to", folder, "--trim"});
  EXPECT_EQ(process.wait(), 1);
  EXPECT_EQ(process.err(),
            "wqctl: --to: cannot write '" + folder + "/results-000001.jsonl': File too large\n");
  const Words written = items_of(text_in(folder));
  EXPECT_GT(written.size(), 0U);
  EXPECT_LT(written.size(), 400U);
  static_cast<void>(ctl({"results", "q", "--to", folder, "--trim"}));
  EXPECT_EQ(items_of(text_in(folder)), numbered("", 400));
}

TEST_F(Results, InFilesAreThoseOfOneQueueOnly) {
  add("", 3);
  const std::string folder = path("results");
  static_cast<void>(ctl({"results", "q", "--to", folder}));
  const std::string before = text_in(folder);
  static_cast<void>(ctl({"purge", "q", "--yes"}));
  for (int i = 0; i < 2; ++i) {
    add("new", 3);
    Process process = reader({"--to", folder});
    EXPECT_EQ(process.wait(), 2);
    EXPECT_EQ(process.err(), "wqctl: --to: '" + folder +
                                 "' belongs to another queue, or to 'q' before it was purged or "
                                 "lost; choose another folder\n");
  }
  EXPECT_EQ(text_in(folder), before);
}

TEST_F(Results, InFilesAreWrittenByOneProcessAtATime) {
  push({"a", "b"});
  complete(1);
  const std::string folder = path("results");
  Process first = reader({"--follow", "--to", folder});
  ASSERT_TRUE(
      eventually([&] { return std::filesystem::exists(folder) && !text_in(folder).empty(); }));
  Process second = reader({"--to", folder});
  EXPECT_EQ(second.wait(), 1);
  EXPECT_EQ(second.err(), "wqctl: --to: another wqctl is writing results to '" + folder + "'\n");
  complete(1);
  EXPECT_EQ(first.wait(), 0);
  EXPECT_THAT(items_of(text_in(folder)), ElementsAre("a", "b"));
}

// Sanitizers keep what was freed.
#ifndef WQ_SANITIZED
TEST_F(Results, AreReadInAsMuchMemoryHoweverManyThereAre) {
  push({"a"});
  redis_.call({"EVAL",
               "for i = 1, 100000 do redis.call('XADD', KEYS[1], '*', 'item', i, 'result', "
               "'result of ' .. i) end",
               "1", key(Key::results)});
  const std::string folder = path("results");
  Process process = reader({"--follow", "--to", folder, "--trim"});
  ASSERT_TRUE(eventually([this] { return kept() == 0; }));
  EXPECT_LT(process.peak_memory_bytes(), std::size_t{32} << 20U);
  complete(1);
  EXPECT_EQ(process.wait(), 0) << process.err();
  EXPECT_THAT(lines(text_in(folder)), SizeIs(100'001));
}
#endif

TEST_F(Results, AreKeptForTheirTimeToLive) {
  push({"a", "b"});
  EXPECT_EQ(work({"--results", "--results-ttl", "1h", "--max-items", "1"}, {"echo", "{}"}), 5);
  const std::int64_t left_ms = redis_.integer({"PTTL", key(Key::results)});
  EXPECT_GT(left_ms, 3'500'000);
  EXPECT_LE(left_ms, 3'600'000);
  EXPECT_EQ(work({"--results"}, {"echo", "{}"}), 0);
  EXPECT_EQ(redis_.integer({"PTTL", key(Key::results)}), -1) << "the last worker sets none";
}

TEST_F(Results, ThatAreTooLongMakeADeadLetterThatSaysSo) {
  push({"a"});
  EXPECT_EQ(work({"--results", "--results-max-bytes", "1K", "--max-attempts", "5"},
                 {"sh", "-c", "echo note >&2; head -c 1025 /dev/zero"}),
            0);
  EXPECT_EQ(kept(), 0) << "no part of it is kept";
  EXPECT_EQ(counts().leased, 1U) << "it would be as long again";
  const std::string shown = ctl({"inspect", "q", "a"});
  EXPECT_THAT(shown, HasSubstr("state:        dead"));
  EXPECT_THAT(shown, HasSubstr("last failure: result: the result on stdout is longer than 1024 "
                               "bytes (--results-max-bytes)"));
  EXPECT_THAT(shown, HasSubstr("note"));
}

}  // namespace
}  // namespace wq::test
