#include <csignal>

#include "e2e/programs.h"
#include "support/terminal.h"

// The commands of wqctl that look into a queue and steer it.
namespace wq::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class CtlAdmin : public ProgramTest {
 protected:
  struct Ended {
    int code;
    std::string out;
    std::string err;
  };
  [[nodiscard]] Ended run(const Words& arguments, ProcessOptions process = {}) const {
    Process ctl = ctl_process(arguments, std::move(process));
    const int code = ctl.wait();
    return {code, ctl.out(), ctl.err()};
  }
  void push_dead(const Words& items) {
    push(items);
    ASSERT_EQ(work({"--max-attempts", "1", "--halt", "0"}, {"sh", "-c", "echo oops >&2; exit 3"}),
              0);
  }
};

TEST_F(CtlAdmin, WorkersShowWhoHoldsWhat) {
  EXPECT_EQ(ctl({"workers", "q"}), "q: no workers\n");
  push({"a", "b"});
  Process worker = this->worker({"--concurrency", "2"}, {"sh", "-c", "exec sleep 1000"});
  ASSERT_TRUE(eventually([this] {
    return ctl({"workers", "q"}).find(" 2 ") != std::string::npos;
  }));
  const auto json = nlohmann::json::parse(ctl({"workers", "q", "--json"}));
  EXPECT_EQ(json.at("pid"), worker.pid());
  EXPECT_EQ(json.at("slots"), 2);
  EXPECT_EQ(json.at("overdue"), false);
  EXPECT_THAT(ctl({"workers", "q"}), StartsWith("WORKER"));
  worker.kill();
}

TEST_F(CtlAdmin, LsShowsWhatDiedAndWhy) {
  push_dead({"a", "b\n\xff"});
  EXPECT_THAT(ctl({"ls", "q", "dead"}),
              AllOf(HasSubstr("  1 failure, 0 crashes  exit: exited with code 3  ("),
                    HasSubstr(")  a\n"), HasSubstr("  b\\x0a\\xff\n")));
  EXPECT_EQ(ctl({"ls", "q", "dead", "-0"}), std::string("a\0b\n\xff\0", 6));
  const Words json = lines(ctl({"ls", "q", "dead", "--json"}));
  ASSERT_EQ(json.size(), 2U);
  EXPECT_EQ(nlohmann::json::parse(json[0]).at("failure").at("stderr_tail"), "oops\n");
  EXPECT_EQ(nlohmann::json::parse(json[1]).at("item_base64"), "Ygr/");
}

TEST_F(CtlAdmin, LsGoesOnWhereItEnded) {
  push(numbered("", 120));
  const Ended first = run({"ls", "q", "ready", "--limit", "3"});
  EXPECT_EQ(first.out, "0\n1\n2\n");
  EXPECT_EQ(
      run({"ls", "q", "ready", "--limit", "2", "--after", word_after(first.err, "--after ")}).out,
      "3\n4\n");
  EXPECT_EQ(lines(ctl({"ls", "q", "ready", "--limit", "0"})), numbered("", 120));
}

TEST_F(CtlAdmin, WrongUseGetsALineThatHelps) {
  EXPECT_THAT(run({"ls", "ready", "q"}).err, HasSubstr("the queue comes first"));
  EXPECT_THAT(run({"ls", "q"}).err, HasSubstr("wqctl ls QUEUE ready|leased|delayed|dead"));
  EXPECT_THAT(run({"ls", "q", "dead", "x"}).err, HasSubstr("unexpected argument 'x'"));
  EXPECT_THAT(run({"inspect", "q"}).err, HasSubstr("the item is missing"));
  EXPECT_THAT(run({"retry", "q"}).err, HasSubstr("--match PATTERN or --all"));
  EXPECT_THAT(run({"drop", "q", "a", "--all"}).err, HasSubstr("exclude each other"));
  EXPECT_THAT(run({"inspect", "q", "--file", "/nowhere"}).err, HasSubstr("cannot read /nowhere"));
  EXPECT_THAT(run({"inspect", "q", "--file", "/"}).err, HasSubstr("cannot read /\n"));
  EXPECT_THAT(run({"drop", "q", "a", "--from", "leased"}).err,
              HasSubstr("is invalid: must be one of"));
  for (const Words& wrong : {Words{"ls", "q"}, Words{"retry", "q"}, Words{"purge", "q"},
                             Words{"ls", "q", "dead", "--after", "x"}}) {
    EXPECT_EQ(run(wrong).code, 2) << wrong[0];
  }
}

TEST_F(CtlAdmin, InspectTellsAllThatIsKnown) {
  push_dead({"a"});
  EXPECT_THAT(ctl({"inspect", "q", "a"}), AllOf(HasSubstr("state:        dead"),
                                                HasSubstr("exit code:  3"), HasSubstr("oops")));
  const Ended absent = run({"inspect", "q", "nope", "--json"});
  EXPECT_EQ(absent.code, 1);
  EXPECT_EQ(absent.out, "{\"item\":\"nope\",\"state\":null,\"searched_all\":true}\n");
  push({std::string("x\0y", 3)});
  const Ended found = run({"inspect", "q", "--json", "--file", file("item", {"x\0y", 3})});
  EXPECT_EQ(nlohmann::json::parse(found.out).at("state"), "ready");
}

TEST_F(CtlAdmin, RetryAndDropSayWhatTheyLeftAlone) {
  push_dead({"a", "b", "c", "d"});
  const Ended first = run({"retry", "q", "a"});
  EXPECT_EQ(first.code, 0);
  EXPECT_EQ(first.out, "retried 1 item\n");
  EXPECT_THAT(first.err, HasSubstr("no worker is running on this queue"));
  const Ended again = run({"retry", "q", "a", "b", "nope"});
  EXPECT_EQ(again.code, 1);
  EXPECT_EQ(again.out, "retried 1 item\n");
  EXPECT_THAT(again.err, AllOf(HasSubstr("'a' is not dead or delayed: it is ready; left alone"),
                               HasSubstr("'nope' is not dead or delayed: it is not in the queue")));
  EXPECT_EQ(run({"drop", "q", "a", "nope", "--json"}).out,
            "{\"item\":\"a\",\"result\":\"left_alone\",\"state\":\"ready\"}\n"
            "{\"item\":\"nope\",\"result\":\"left_alone\",\"state\":null,\"searched_all\":true}\n");
  Queue queue = open_queue();
  const Lease held = lease_one(queue);
  const Ended refused = run({"drop", "q", held.item, "--from", "ready"});
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.err, HasSubstr("it is leased; left alone"));
  EXPECT_EQ(run({"drop", "q", "-0", "--json"}, {.input = std::string("c\0", 2)}).out,
            "{\"item\":\"c\",\"result\":\"dropped\"}\n");
  EXPECT_EQ(ctl({"drop", "q", "--match", "[a-d]", "--json"}), "{\"dropped\":1}\n");
  EXPECT_EQ(counts().dropped, 2U);
}

TEST_F(CtlAdmin, PauseHoldsWorkersUntilResume) {
  EXPECT_EQ(ctl({"pause", "q"}), "q: paused\n");
  EXPECT_EQ(ctl({"pause", "q"}), "q: was already paused\n");
  EXPECT_EQ(ctl({"status", "q"}), "q: not begun, no item was pushed yet, paused\n");
  push(numbered("", 5));
  Process worker = this->worker({}, {"true"});
  ASSERT_TRUE(eventually([this] { return ctl({"workers", "q"}).find("WORKER") == 0; }));
  EXPECT_THAT(ctl({"status", "q"}), AllOf(HasSubstr("ready 5"), HasSubstr("paused")));
  EXPECT_EQ(ctl({"resume", "q", "--json"}),
            "{\"queue\":\"q\",\"paused\":false,\"changed\":true}\n");
  EXPECT_EQ(worker.wait(), 0);
  EXPECT_EQ(ctl({"resume", "q"}), "q: was not paused\n");
}

TEST_F(CtlAdmin, PurgeAsksOrIsToldYes) {
  conserves_ = false;
  push({"a"});
  const Ended unasked = run({"purge", "q"});
  EXPECT_EQ(unasked.code, 2);
  EXPECT_THAT(unasked.err, HasSubstr("--yes"));
  EXPECT_EQ(counts().ready, 1U);
  Process worker =
      this->worker({"--lease", "3s"}, {"sh", "-c", "echo running >&2; exec sleep 1000"});
  worker.wait_for_err("running");
  EXPECT_THAT(ctl({"purge", "q", "--yes"}), HasSubstr("processing 1"));
  EXPECT_EQ(worker.wait(), 1);
  EXPECT_THAT(worker.err(), HasSubstr("purged"));
  EXPECT_EQ(ctl({"purge", "q", "--yes"}), "q: there was nothing to remove\n");
}

TEST_F(CtlAdmin, PurgeOnATerminalAsksForTheName) {
  conserves_ = false;
  push({"a"});
  const auto answer = [this](const std::string& keys) {
    Terminal terminal(200);
    Process purge =
        ctl_process({"purge", "q"}, {.terminal = terminal.slave(), .redirect_out = true});
    terminal.wait_for("Type the queue's name to continue:");
    EXPECT_THAT(terminal.text(), HasSubstr("q: ready 1, processing 0"));
    terminal.type(keys);
    const int code = purge.wait();
    return Ended{code, purge.out(), terminal.text()};
  };
  for (const char* no : {"\n", "yes\n", "Q\n", "\x04"}) {
    const Ended refused = answer(no);
    EXPECT_EQ(refused.code, 2);
    EXPECT_THAT(refused.err, HasSubstr("the name does not match; nothing was removed"));
  }
  EXPECT_EQ(answer("\x03").code, -SIGINT);
  EXPECT_EQ(counts().ready, 1U);
  const Ended done = answer("q\n");
  EXPECT_EQ(done.code, 0);
  EXPECT_EQ(
      done.out,
      "q: removed ready 1, processing 0, delayed 0, dead 0, results 0, leases 0; 2 keys in all\n");
}

TEST_F(CtlAdmin, VerifyEndsWithOneUntilItIsMended) {
  push({"a"});
  EXPECT_THAT(ctl({"verify", "q"}), HasSubstr("no inconsistencies"));
  redis_.call({"RPOPLPUSH", "q", "q:processing"});
  const Ended found = run({"verify", "q"});
  EXPECT_EQ(found.code, 1);
  EXPECT_THAT(found.out, HasSubstr("1 unleased in processing for more than 5 s"));
  const auto json = nlohmann::json::parse(ctl({"verify", "q", "--repair", "--json"}));
  EXPECT_EQ(json.at("findings").at(0).at("kind"), "unleased");
  EXPECT_EQ(json.at("findings").at(0).at("mended"), 1);
  EXPECT_EQ(json.at("processing"), 1) << "what it found";
  EXPECT_EQ(all(Key::ready), Words{"a"});
}

}  // namespace
}  // namespace wq::test
