// wq-push and wq-worker with --durable, on a primary with replicas.
#include <chrono>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "e2e/programs.h"
#include "support/replicated_redis.h"

namespace wq::test {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;

class DurablePrograms : public ProgramTest {
 protected:
  [[nodiscard]] ProcessOptions through(std::map<std::string, std::string> more = {}) const {
    more["WQ_REDIS"] = redis_of_all_.url();
    return {.environment = std::move(more)};
  }
  [[nodiscard]] std::int64_t pushed() {
    return RedisClient(redis_of_all_.options()).integer({"HGET", "q:stats", "pushed"});
  }

  ReplicatedRedis redis_of_all_;
};

TEST_F(DurablePrograms, LoseNothingThatWasReportedWhenThePrimaryIsKilled) {
  Process push = push_process({"q", "i{0..999}", "--durable", "1"}, through());
  EXPECT_EQ(push.wait(), 0) << push.err();
  EXPECT_THAT(push.err(), HasSubstr("pushed 1000 items"));
  Process work = start({kWorkerProgram, "--queue", "q", "--durable", "1", "--joblog", path("log"),
                        "--max-items", "20", "--concurrency", "4", "--", "true"},
                       through());
  EXPECT_EQ(work.wait(), 5) << work.err();
  redis_of_all_.fail_over_to(redis_of_all_.replica());
  EXPECT_EQ(pushed(), 1'000);
  EXPECT_EQ(RedisClient(redis_of_all_.options()).integer({"HGET", "q:stats", "completed"}), 20);
  EXPECT_THAT(lines(content_of(path("log"))), ::testing::SizeIs(1 + 20));
}

TEST_F(DurablePrograms, EndWith4AndSayWhatIsSafeIfAReplicaDoesNotConfirm) {
  Process first = push_process({"q", "a"}, through());
  EXPECT_EQ(first.wait(), 0) << first.err();
  redis_of_all_.replica().freeze();
  Process push =
      push_process({"q", "b", "c", "--redis-patience", "1s"}, through({{"WQ_PUSH_DURABLE", "1"}}));
  EXPECT_EQ(push.wait(), 4);
  EXPECT_THAT(
      push.err(),
      AllOf(HasSubstr("NOREPLICAS 0 of the 1 replicas that --durable asks for have the last "
                      "writes: a restart of the primary loses them, a failover loses them"),
            HasSubstr("exactly 2 items were pushed to q")));
  EXPECT_EQ(pushed(), 3);
  Process work = start({kWorkerProgram, "--queue", "q", "--redis-patience", "1s", "--", "true"},
                       through({{"WQ_WORKER_DURABLE", "1"}}));
  EXPECT_EQ(work.wait(), 4);
  EXPECT_THAT(work.err(), HasSubstr("were accepted, and not confirmed by 1 replicas"));
  redis_of_all_.replica().thaw();
}

TEST_F(DurablePrograms, SayAtOnceThatThereAreTooFewReplicas) {
  Process push = push_process({"q", "a", "--durable", "2"}, through());
  push.wait_for_err("1 of the 2 replicas that --durable asks for is connected to it; retrying");
  push.signal(SIGINT);
  EXPECT_EQ(push.wait(), 130);
  EXPECT_FALSE(RedisClient(redis_of_all_.options()).exists("q"));
  Process work = start({kWorkerProgram, "--queue", "q", "--durable", "2", "--", "true"}, through());
  work.wait_for_err("1 of the 2 replicas that --durable asks for is connected to it; retrying");
  work.signal(SIGTERM);
  EXPECT_EQ(work.wait(), 143);
}

TEST_F(DurablePrograms, EndWith2IfTheUserMayNotWait) {
  RedisClient(redis_of_all_.options())
      .call({"ACL", "SETUSER", "jobs", "on", "nopass", "~*", "+@all", "-wait"});
  std::string url = redis_of_all_.url();
  url.insert(std::string("unix://").size(), "jobs:x@");
  for (const Words& program :
       {Words{kPushProgram, "q", "a"}, Words{kWorkerProgram, "--queue", "q"}}) {
    Words command = program + Words{"--durable", "1"};
    if (program.front() == kWorkerProgram) command = command + Words{"--", "true"};
    Process process = start(command, {.environment = {{"WQ_REDIS", url}}});
    EXPECT_EQ(process.wait(), 2) << process.err();
    EXPECT_THAT(process.err(), HasSubstr("(--durable) the user needs +info +wait +waitaof"));
  }
}

TEST_F(DurablePrograms, AreForetoldByDoctor) {
  const auto examine = [this](const std::string& replicas, const std::string& url) {
    Process doctor =
        ctl_process({"doctor", "q", "--durable", replicas}, {.environment = {{"WQ_REDIS", url}}});
    const int code = doctor.wait();
    return std::to_string(code) + ": " + doctor.out();
  };
  EXPECT_THAT(examine("1", redis_of_all_.url()),
              AllOf(HasSubstr("0: "), HasSubstr("1 replicas are connected, of 1 of --durable")));
  EXPECT_THAT(examine("2", redis_of_all_.url()),
              AllOf(HasSubstr("2: "), HasSubstr("1 of the 2 replicas of --durable are connected")));
  RedisClient(redis_of_all_.options())
      .call({"ACL", "SETUSER", "jobs", "on", "nopass", "~*", "+@all", "-wait"});
  std::string url = redis_of_all_.url();
  url.insert(std::string("unix://").size(), "jobs:x@");
  EXPECT_THAT(examine("1", url),
              AllOf(HasSubstr("2: "), HasSubstr("programs with --durable may not send wait"),
                    HasSubstr("ACL SETUSER jobs +wait")));
}

TEST_F(DurablePrograms, GoOnWhenTheReplicaIsBack) {
  redis_of_all_.replica().freeze();
  Process push = push_process({"q", "a", "b", "--durable", "1"}, through());
  ASSERT_TRUE(eventually(
      [this] { return RedisClient(redis_of_all_.options()).exists("q") && pushed() == 2; }));
  redis_of_all_.replica().thaw();
  EXPECT_EQ(push.wait(), 0) << push.err();
  Process work = start({kWorkerProgram, "--queue", "q", "--durable", "1", "--", "true"}, through());
  EXPECT_EQ(work.wait(), 0) << work.err();
  EXPECT_THAT(work.err(), HasSubstr("completed=2"));
}

}  // namespace
}  // namespace wq::test
