// Which queues there are, as wqctl shows them; and output whose reader goes.
#include <wq/producer.h>

#include "e2e/programs.h"

namespace wq::test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

class ListOfQueues : public ProgramTest {
 protected:
  void fill(const std::string& queue, const Words& items) const {
    Producer producer(queue, options());
    for (const std::string& item : items) producer.push(item);
    producer.finish();
  }

  [[nodiscard]] Process ctl_as(const std::string& user, const Words& arguments) const {
    return ctl_process(
        arguments,
        {.environment = {{"WQ_REDIS", "unix://" + user + ":pw@" + server_.socket_path()}}});
  }
};

TEST_F(ListOfQueues, IsATableOfCounts) {
  fill("shards", {"a", "b"});
  fill("pages", {"c"});
  EXPECT_THAT(lines(ctl({"queues"})),
              ElementsAre("QUEUE   READY  PROCESSING  DELAYED  DEAD  COMPLETED",
                          "pages   1      0           0        0     0 of 1",
                          "shards  2      0           0        0     0 of 2"));
}

TEST_F(ListOfQueues, IsWhatComesWithoutAQueue) {
  fill("shards", {"a"});
  const std::string table = ctl({"queues"});
  EXPECT_EQ(ctl({}), table);
  EXPECT_EQ(ctl({"status"}), table);
  Process elsewhere = ctl_process({"--redis", server_.url()}, {.environment = {{"WQ_REDIS", "x"}}});
  EXPECT_EQ(elsewhere.wait(), 0) << elsewhere.err();
  EXPECT_EQ(elsewhere.out(), table);
}

TEST_F(ListOfQueues, SaysWhichAreDrainedOrPausedOrBeingFilled) {
  EXPECT_EQ(push_process({"q", "a"}).wait(), 0);
  EXPECT_EQ(work({}, {"true"}), 0);
  EXPECT_THAT(ctl({"queues"}), HasSubstr("1 of 1     drained\n"));
  EXPECT_THAT(ctl({"pause", "q"}), HasSubstr("paused"));
  EXPECT_THAT(ctl({"queues"}), HasSubstr("1 of 1     paused\n"));
  Producer producer("q", options());
  EXPECT_THAT(ctl({"queues"}), HasSubstr("paused, 1 producer filling it\n"));
}

TEST_F(ListOfQueues, HasTheCountsOfStatusAsJson) {
  fill("shards", {"a", "b"});
  const auto status = nlohmann::json::parse(ctl({"status", "shards", "--json"}));
  const auto queue = nlohmann::json::parse(ctl({"queues", "--json"}));
  for (const auto& [name, value] : queue.items()) EXPECT_EQ(status.at(name), value) << name;
  EXPECT_EQ(queue.at("ready"), 2);
  EXPECT_EQ(ctl({"status", "--json"}), ctl({"queues", "--json"}));
}

TEST_F(ListOfQueues, IsBareNamesForScripts) {
  fill("b", {"a"});
  fill("a", {"a"});
  EXPECT_EQ(ctl({"queues", "--names"}), "a\nb\n");
}

TEST_F(ListOfQueues, MayBeThoseOfAPattern) {
  fill("shards-1", {"a"});
  fill("pages", {"a"});
  EXPECT_EQ(ctl({"queues", "shards-*", "--names"}), "shards-1\n");
  EXPECT_THAT(ctl({"queues", "nothing*"}),
              HasSubstr(" matches 'nothing*'; wqctl queues lists all"));
}

TEST_F(ListOfQueues, ThatIsEmptySaysWhereItLooked) {
  EXPECT_THAT(ctl({}), AllOf(StartsWith("no queues in unix://"), HasSubstr("wq-push")));
  EXPECT_THAT(ctl({"queues", "--json"}), IsEmpty());
}

TEST_F(ListOfQueues, SaysWhichOurUserMayNotRead) {
  fill("mine", {"a"});
  fill("theirs", {"a"});
  redis_.call({"ACL", "SETUSER", "u", "on", ">pw", "~mine*", "+@all"});
  Process table = ctl_as("u", {"queues"});
  EXPECT_EQ(table.wait(), 0);
  EXPECT_THAT(
      table.out(),
      HasSubstr("theirs  ?      ?           ?        ?     ?          no permission to read it\n"));
  Process json = ctl_as("u", {"queues", "theirs", "--json"});
  EXPECT_EQ(json.wait(), 0);
  EXPECT_THAT(std::string(nlohmann::json::parse(json.out()).at("refused")), HasSubstr("NOPERM"));
}

TEST_F(ListOfQueues, NeedsTheRightToScanAndSaysSo) {
  redis_.call({"ACL", "SETUSER", "u", "on", ">pw", "~*", "+@all", "-scan"});
  Process table = ctl_as("u", {});
  EXPECT_EQ(table.wait(), 2);
  EXPECT_THAT(table.err(), AllOf(HasSubstr("name the queue"), HasSubstr("+scan")));
}

TEST_F(ListOfQueues, WithoutACommandHelpsWithAWrongWord) {
  Process process = ctl_process({"--nonsense"});
  EXPECT_EQ(process.wait(), 2);
  EXPECT_THAT(process.err(), HasSubstr("--help lists the commands"));
}

TEST_F(ListOfQueues, ThatIsReadByHeadEndsQuietly) {
  fill("q", numbered(std::string(200, 'x'), 2'000));
  for (const std::string what : {"ls q ready --limit 0", "ls q ready --limit 0 --json"}) {
    Process pipe =
        start({"bash", "-c", "\"$0\" " + what + " | head -n 1 >/dev/null; echo ${PIPESTATUS[0]}",
               kCtlProgram});
    EXPECT_EQ(pipe.wait(), 0);
    EXPECT_EQ(pipe.out(), "141\n") << what;
    EXPECT_EQ(pipe.err(), "") << what;
  }
  Process dry =
      start({"bash", "-c", "\"$0\" --dry-run any 'a{0..99999}' | head -n 1; echo ${PIPESTATUS[0]}",
             kPushProgram});
  EXPECT_EQ(dry.wait(), 0);
  EXPECT_EQ(dry.out(), "a0\n141\n");
  EXPECT_EQ(dry.err(), "");
}

TEST_F(ListOfQueues, ResultsThatAreReadByHeadEndQuietlyAndTrimNothingUnread) {
  EXPECT_EQ(push_process({"q", "a{1..300}"}).wait(), 0);
  EXPECT_EQ(work({"--results", "--concurrency", "4"},
                 {"sh", "-c", "head -c 1000 /dev/zero | tr '\\0' x"}),
            0);
  Process pipe =
      start({"bash", "-c", "\"$0\" results q --trim | head -n 1 >/dev/null; echo ${PIPESTATUS[0]}",
             kCtlProgram});
  EXPECT_EQ(pipe.wait(), 0);
  EXPECT_EQ(pipe.out(), "141\n");
  EXPECT_EQ(pipe.err(), "");
  EXPECT_GT(redis_.integer({"XLEN", key(Key::results)}), 0);
}

}  // namespace
}  // namespace wq::test
