#include <csignal>

#include "e2e/programs.h"

// Checkpoints of commands and of coprocesses.
namespace wq::test {
namespace {

using ::testing::HasSubstr;

class CheckpointOfACommand : public ProgramTest {
 protected:
  // Waits until Redis has a checkpoint of the item "a".
  void wait_for_checkpoint() {
    ASSERT_TRUE(eventually([this] { return redis_.exists(key(Key::checkpoints)); }));
  }
  // Saves "half way" and goes on for ever, the first time; then its result is what it was given.
  const Words stuck_{"sh", "-c", R"(
    if [ -e "$WQ_CHECKPOINT_FILE" ]; then cat "$WQ_CHECKPOINT_FILE"; exit; fi
    printf 'half way' >"$WQ_CHECKPOINT_FILE.new" && mv "$WQ_CHECKPOINT_FILE.new" "$WQ_CHECKPOINT_FILE"
    exec sleep 1000)"};
  const Words options_{"--checkpoints", "--results", "--lease", "600ms"};
};

TEST_F(CheckpointOfACommand, IsThereAfterAFailure) {
  push({"a"});
  EXPECT_EQ(work({"--checkpoints", "--results", "--backoff", "1ms..1ms"}, {"sh", "-c", R"(
    [ -e "$WQ_CHECKPOINT_FILE" ] && exec cat "$WQ_CHECKPOINT_FILE"
    printf 'page 3' >"$WQ_CHECKPOINT_FILE"; exit 1)"}),
            0);
  EXPECT_EQ(results().at("a"), Words{"page 3"});
  EXPECT_FALSE(redis_.exists(key(Key::checkpoints)));
}

TEST_F(CheckpointOfACommand, IsThereAfterItsWorkerWasKilled) {
  push({"a"});
  Process first = worker(options_, stuck_);
  wait_for_checkpoint();
  first.kill();
  EXPECT_EQ(work(options_, stuck_), 0);
  EXPECT_EQ(results().at("a"), Words{"half way"});
}

TEST_F(CheckpointOfACommand, IsThereAfterItsWorkerWasStopped) {
  push({"a"});
  Process first = worker(options_ + Words{"--grace", "0"}, stuck_);
  wait_for_checkpoint();
  first.signal(SIGTERM);
  EXPECT_EQ(first.wait(), 143);
  EXPECT_EQ(work(options_, stuck_), 0);
  EXPECT_EQ(results().at("a"), Words{"half way"});
}

TEST_F(CheckpointOfACommand, LeavesNoFileBehind) {
  push({"a", "b"});
  const std::string folder = file("tmp", "") + ".d";
  std::filesystem::create_directory(folder);
  Process process = worker({"--checkpoints"}, {"sh", "-c", R"(echo x >"$WQ_CHECKPOINT_FILE")"},
                           {.environment = {{"TMPDIR", folder}}});
  EXPECT_EQ(process.wait(), 0);
  EXPECT_TRUE(std::filesystem::is_empty(folder));
}

TEST_F(CheckpointOfACommand, IsNotReadFromWhatIsNoFile) {
  push({"mkfifo", "mkdir", "ln -s /etc/passwd"});
  EXPECT_EQ(work({"--checkpoints", "--max-attempts", "1", "--ignore-dead"},
                 {"sh", "-c", R"($1 "$WQ_CHECKPOINT_FILE" && exit 1)", "_", "{}"}),
            0);
  EXPECT_EQ(counts().dead, 3U);
  EXPECT_FALSE(redis_.exists(key(Key::checkpoints)));
}

TEST_F(CheckpointOfACommand, IsNotThatOfAProcessWhichAnEarlierAttemptLeftBehind) {
  push({"a"});
  EXPECT_EQ(work({"--checkpoints", "--results", "--backoff", "1ms..1ms"}, {"sh", "-c", R"(
    wait_for() { until [ -e "$1" ]; do sleep 0.01; done; }
    case $WQ_ATTEMPT in
      1) setsid sh -c ': >"$1.1"; until [ -e "$1.2" ]; do sleep 0.01; done
           echo late >"$WQ_CHECKPOINT_FILE"; : >"$1.written"' _ "$1" >/dev/null 2>&1 </dev/null &
         wait_for "$1.1"; exit 1 ;;
      2) : >"$1.2"; wait_for "$1.written"; exit 1 ;;
      *) if [ -e "$WQ_CHECKPOINT_FILE" ]; then cat "$WQ_CHECKPOINT_FILE"; else echo none; fi ;;
    esac)",
                                                                           "_", path("sign")}),
            0);
  EXPECT_EQ(results().at("a"), Words{"none\n"});
}

TEST_F(CheckpointOfACommand, NeedsAFolderForItsFile) {
  Process process = worker({"--checkpoints"}, {"true"}, {.environment = {{"TMPDIR", "/nowhere"}}});
  EXPECT_EQ(process.wait(), 2);
  EXPECT_THAT(process.err(), HasSubstr("set TMPDIR"));
}

TEST_F(CheckpointOfACommand, OfACoprocessThatEndedIsGivenToTheNextOneInTheSameLease) {
  push({"a", "b"});
  const std::string program = R"(
import json, os, sys
print('{"wq":1}', flush=True)
for line in sys.stdin:
    for each in json.loads(line).get("items", []):
        if "checkpoint" not in each:
            print(json.dumps({"id": each["id"], "answer": "progress", "checkpoint": "half"}), flush=True)
            os._exit(1)
        print(json.dumps({"id": each["id"], "answer": "done", "result": each["checkpoint"]}), flush=True)
)";
  EXPECT_EQ(work({"--coprocess", "--max-crashes", "9", "--halt", "0"}, {"python3", "-c", program}),
            0);
  EXPECT_EQ(results(), exactly_once({"a", "b"}, [](const std::string&) { return "half"; }));
}

TEST_F(CheckpointOfACommand, ThatIsTooLongIsSaidAndNotKept) {
  push({"a"});
  Process process =
      worker({"--checkpoints", "--max-attempts", "1", "--ignore-dead"},
             {"sh", "-c", R"(head -c 20000 /dev/zero >"$WQ_CHECKPOINT_FILE"; exit 1)"});
  EXPECT_EQ(process.wait(), 0);
  EXPECT_THAT(process.err(), HasSubstr("longer than 4096 bytes"));
  EXPECT_FALSE(redis_.exists(key(Key::checkpoints)));
}

TEST_F(CheckpointOfACommand, OfACoprocessIsInItsMessages) {
  push({"a"});
  const std::string program = R"(
import json, os, sys
print('{"wq":1}', flush=True)
for line in sys.stdin:
    for each in json.loads(line).get("items", []):
        if "checkpoint" in each:
            print(json.dumps({"id": each["id"], "answer": "done", "result": each["checkpoint"]}), flush=True)
            continue
        print(json.dumps({"id": each["id"], "answer": "progress", "checkpoint": "half way"}), flush=True)
        print(json.dumps({"id": each["id"], "answer": "release", "delay_seconds": 0}), flush=True)
)";
  EXPECT_EQ(work({"--coprocess"}, {"python3", "-c", program}), 0);
  EXPECT_EQ(results().at("a"), Words{"half way"});
}

}  // namespace
}  // namespace wq::test
