// Items that the Redis of the queue holds: --from-keys, --from-stream, --follow.
#include <algorithm>
#include <csignal>
#include <functional>
#include <mutex>

#include <wq/admin.h>

#include "e2e/programs.h"
#include "support/fault_proxy.h"

namespace wq::test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

class PushFromRedis : public ProgramTest {
 protected:
  std::string said(const Words& arguments, int expected_code, ProcessOptions process = {}) {
    Process push = push_process(arguments, std::move(process));
    EXPECT_EQ(push.wait(), expected_code) << push.err();
    return push.err();
  }
  [[nodiscard]] Words queued() {
    Words items = all(Key::ready);
    std::reverse(items.begin(), items.end());
    return items;
  }
  void add(const Words& fields) {
    internal::CommandBuffer call;
    call.begin(3 + fields.size());
    for (const char* word : {"XADD", "s", "*"}) call.arg(word);
    for (const std::string& field : fields) call.arg(field);
    redis_.connection().call(call);
  }
  void add_entries(const Words& items) {
    for (const std::string& item : items) add({"f", item});
  }
  [[nodiscard]] static Words sorted(Words items) {
    std::sort(items.begin(), items.end());
    return items;
  }
};

class PushFromKeys : public PushFromRedis {};

TEST_F(PushFromKeys, TakesTheNamesOfTheKeysThatMatch) {
  for (const char* name : {"user:1", "user:2", "other"}) redis_.call({"SET", name, "x"});
  redis_.call({"LPUSH", "user:3", "x"});
  EXPECT_THAT(said({"q", "--from-keys", "user:*"}, 0), HasSubstr("pushed 3 items to q"));
  EXPECT_THAT(queued(), UnorderedElementsAre("user:1", "user:2", "user:3"));
}

TEST_F(PushFromKeys, TakesManyKeysOnceEach) {
  Words names = numbered("key:", 25'000);
  internal::CommandBuffer calls;
  for (const std::string& name : names) calls.command({"SET", name, "x"});
  redis_.connection().call(calls);
  said({"q", "--from-keys", "key:*"}, 0);
  EXPECT_EQ(sorted(queued()), sorted(names));
}

TEST_F(PushFromKeys, NeverTakesTheKeysOfTheQueueItself) {
  push({"a", "b"}, {.once = true});
  Queue queue = open_queue();
  const Lease held = lease_one(queue);
  for (const char* name : {"q2", "x", "q2:stats"}) redis_.call({"SET", name, "x"});
  redis_.call({"SET", key(Key::paused), "1"});
  said({"q", "--from-keys", "*"}, 0);
  EXPECT_EQ(sorted(queued()), (Words{"b", "q2", "q2:stats", "x"}));
  redis_.call({"DEL", key(Key::paused)});
}

TEST_F(PushFromKeys, TakesAFieldOfEachHashAndSaysHowManyHadNone) {
  redis_.call({"HSET", "u:1", "email", "a@b", "name", "A"});
  redis_.call({"HSET", "u:2", "email", "", "name", "B"});
  redis_.call({"HSET", "u:3", "name", "C"});
  redis_.call({"SET", "u:4", "x"});
  EXPECT_THAT(said({"q", "--from-keys", "u:*", "--field", "email"}, 0),
              AllOf(HasSubstr("2 matching keys left out: 1 no hash, 1 without the field 'email'"),
                    HasSubstr("pushed 2 items")));
  EXPECT_THAT(queued(), UnorderedElementsAre("a@b", ""));
}

TEST_F(PushFromKeys, BeginsTheScanAnewWhenTheConnectionBreaksAndRepeatsNothing) {
  const Words names = numbered("key:", 5'000);
  internal::CommandBuffer calls;
  for (const std::string& name : names) calls.command({"SET", name, "x"});
  redis_.connection().call(calls);
  std::mutex mutex;
  int scans = 0;
  FaultProxy proxy(server_);
  proxy.watch([&](std::string_view bytes) {
    if (bytes.find("SCAN") == std::string_view::npos) return;
    const std::lock_guard lock(mutex);
    if (++scans == 3) proxy.lose_answer_to("SCAN");
  });
  said({"q", "--from-keys", "key:*"}, 0, {.environment = {{"WQ_REDIS", proxy.options().url}}});
  EXPECT_EQ(proxy.faults(), 1U);
  EXPECT_EQ(sorted(queued()), sorted(names));
}

TEST_F(PushFromKeys, OfNoKeySaysSo) {
  EXPECT_THAT(said({"q", "--from-keys", "none*"}, 0), HasSubstr("there were no items"));
  EXPECT_THAT(keys_left(), IsEmpty());
}

TEST_F(PushFromKeys, PrintsThemWhenOnlyTriedAndWritesNothing) {
  redis_.call({"SET", "a", "x"});
  Process dry = push_process({"--dry-run", "q", "--from-keys", "*"});
  EXPECT_EQ(dry.wait(), 0) << dry.err();
  EXPECT_EQ(dry.out(), "a\n");
  EXPECT_THAT(redis_.list({"KEYS", "*"}), ElementsAre("a"));
}

TEST_F(PushFromKeys, IsRefusedBesideOtherItemsAndWithSkip) {
  EXPECT_THAT(said({"q", "a", "--from-keys", "*"}, 2), HasSubstr("leave out 'a'"));
  EXPECT_THAT(said({"q", "--file", "x", "--from-keys", "*"}, 2), HasSubstr("--file"));
  EXPECT_THAT(said({"q", "--from-keys", "*", "--skip", "1"}, 2), HasSubstr("no fixed order"));
  EXPECT_THAT(said({"q", "--from-keys", "*", "--from-stream", "s"}, 2), HasSubstr("--from-keys"));
  EXPECT_THAT(said({"q", "--from-keys", ""}, 2), HasSubstr("empty"));
  EXPECT_THAT(said({"q", "a", "--field", "f"}, 2), HasSubstr("--field needs"));
  EXPECT_THAT(said({"q", "--follow"}, 2), HasSubstr("--follow needs --from-stream"));
}

TEST_F(PushFromKeys, WithoutTheRightToScanSaysWhichRightIsMissing) {
  redis_.call({"ACL", "SETUSER", "me", "on", ">pw", "~*", "&*", "+@all", "-scan"});
  EXPECT_THAT(said({"q", "--from-keys", "*"}, 2,
                   {.environment = {{"WQ_REDIS", "unix://me:pw@" + server_.socket_path()}}}),
              AllOf(HasSubstr("NOPERM"), HasSubstr("the rights to SCAN")));
}

class PushFromStream : public PushFromRedis {};

TEST_F(PushFromStream, TakesTheOnlyFieldOrTheEntryAsJsonOrTheFieldThatIsNamed) {
  add({"f", "plain"});
  add({"b", "1", "a", "\"2\""});
  said({"q", "--from-stream", "s"}, 0);
  EXPECT_EQ(queued(), (Words{"plain", R"({"b":"1","a":"\"2\""})"}));
  redis_.call({"DEL", "q", "q:stats"});
  EXPECT_THAT(said({"q", "--from-stream", "s", "--field", "a"}, 0),
              HasSubstr("1 entry without the field 'a' left out"));
  EXPECT_EQ(queued(), Words{"\"2\""});
}

TEST_F(PushFromStream, TakesManyEntriesInOrderAndMayBeResumed) {
  const Words items = numbered("i", 3'000);
  add_entries(items);
  said({"q", "--from-stream", "s", "--skip", "1000"}, 0);
  EXPECT_TRUE(queued() == Words(items.begin() + 1'000, items.end()));
  EXPECT_FALSE(redis_.exists(key(Key::seen)));
  EXPECT_THAT(redis_.list({"XINFO", "GROUPS", "s"}), IsEmpty());
}

TEST_F(PushFromStream, IsRefusedWhereThereIsNoneOrNoJsonCanHoldAnEntry) {
  EXPECT_THAT(said({"q", "--from-stream", "s"}, 2),
              AllOf(HasSubstr("there is no stream 's'"), HasSubstr("--follow")));
  redis_.call({"HSET", "h", "f", "v"});
  EXPECT_THAT(said({"q", "--from-stream", "h"}, 2), HasSubstr("'h' is a hash, not a stream"));
  add({"f", "first"});
  add({"f", "\xff", "g", "x"});
  EXPECT_THAT(said({"q", "--from-stream", "s"}, 2),
              AllOf(HasSubstr("stream 's': entry "), HasSubstr("not UTF-8"), HasSubstr("--field"),
                    HasSubstr("exactly 1 items were pushed to q")));
}

class PushFollowing : public PushFromRedis {
 protected:
  static inline const Words kFollow{"q", "--from-stream", "s", "--follow"};

  // Follows until so many items are in the queue, and is then stopped.
  std::string follow_until(std::uint64_t pushed, const Words& more = {}) {
    Process follow = push_process(kFollow + more);
    follow.wait_for_err("following the stream 's'");
    EXPECT_TRUE(eventually([&] { return counts().pushed >= pushed && pending() == 0; }))
        << follow.err();
    follow.signal(SIGTERM);
    EXPECT_EQ(follow.wait(), 143) << follow.err();
    return follow.err();
  }
  std::int64_t pending() {
    const Reply reply = redis_.call({"XPENDING", "s", "wq-push:q"});
    return reply.value()[0].integer();
  }
  // A follower by way of a proxy, killed as soon as it has sent `what`; it arrives nevertheless.
  void kill_at(FaultProxy& proxy, const std::string& what) {
    std::mutex mutex;
    pid_t pid = 0;
    proxy.watch([&](std::string_view bytes) {
      const std::lock_guard watching(mutex);
      if (pid != 0 && bytes.find(what) != std::string_view::npos) ::kill(pid, SIGKILL);
    });
    std::unique_lock lock(mutex);  // it is not looked at before its number is known
    Process follow = push_process(kFollow, {.environment = {{"WQ_REDIS", proxy.options().url}}});
    pid = follow.pid();
    lock.unlock();
    EXPECT_EQ(follow.wait(), -SIGKILL);
    proxy.watch([](std::string_view) {});
  }
};

const std::string kPush(internal::scripts::push.sha1);

TEST_F(PushFollowing, TakesWhatIsThereAndWhatComesUntilItIsStopped) {
  add_entries({"a", "b"});
  Process follow = push_process(kFollow);
  ASSERT_TRUE(eventually([this] { return counts().ready == 2; }));
  EXPECT_EQ(counts().producers, 1U);
  add_entries({"c"});
  ASSERT_TRUE(eventually([this] { return counts().ready == 3; }));
  ASSERT_TRUE(eventually([this] { return pending() == 0; }));
  follow.signal(SIGINT);
  EXPECT_EQ(follow.wait(), 130);
  EXPECT_THAT(follow.err(), AllOf(HasSubstr("interrupted: exactly 3 items were pushed to q"),
                                  HasSubstr("it pushes no entry twice")));
  EXPECT_EQ(queued(), (Words{"a", "b", "c"}));
  EXPECT_EQ(counts().producers, 0U);
  add_entries({"d"});
  follow_until(4);
  EXPECT_EQ(queued(), (Words{"a", "b", "c", "d"}));
  EXPECT_EQ(pending(), 0);
}

TEST_F(PushFollowing, WaitsForAStreamThatIsNotThereYet) {
  Process follow = push_process(kFollow);
  follow.wait_for_err("there is no stream 's' yet");
  add_entries({"a"});
  ASSERT_TRUE(eventually([this] { return counts().ready == 1; }));
  redis_.call({"DEL", "s"});
  add_entries({"b"});
  ASSERT_TRUE(eventually([this] { return counts().ready == 2; })) << follow.err();
  follow.signal(SIGTERM);
  EXPECT_EQ(follow.wait(), 143);
}

TEST_F(PushFollowing, EqualItemsOfDifferentEntriesAreAllPushed) {
  add_entries({"a", "a", "a"});
  follow_until(3);
  EXPECT_EQ(queued(), (Words{"a", "a", "a"}));
}

TEST_F(PushFollowing, ADelayHoldsForItsItemsToo) {
  add_entries({"a"});
  follow_until(1, {"--delay", "1h"});
  EXPECT_THAT(all(Key::delayed), ElementsAre("a"));
}

TEST_F(PushFollowing, KilledAtAnyStepAndStartedAgainPushesEachEntryOnce) {
  const Words items = numbered("i", 200);
  for (const std::string& step : {std::string("XREADGROUP"), kPush, std::string("XACK")}) {
    redis_.call({"FLUSHALL"});
    add_entries(items);
    FaultProxy proxy(server_);
    kill_at(proxy, step);
    follow_until(items.size());
    EXPECT_EQ(sorted(queued()), sorted(items)) << step;
    EXPECT_EQ(counts().pushed, items.size()) << step;
    EXPECT_EQ(pending(), 0) << step;
  }
}

TEST_F(PushFollowing, KilledWhenARequestOrItsAnswerIsLostPushesEachEntryOnce) {
  const Words items = numbered("i", 200);
  for (const std::string& step : {std::string("XREADGROUP"), kPush, std::string("XACK")}) {
    for (const bool answer : {false, true}) {
      redis_.call({"FLUSHALL"});
      add_entries(items);
      FaultProxy proxy(server_);
      answer ? proxy.lose_answer_to(step) : proxy.lose_request(step);
      Process follow = push_process(kFollow, {.environment = {{"WQ_REDIS", proxy.options().url}}});
      ASSERT_TRUE(eventually([&] { return proxy.faults() == 1; })) << follow.err();
      follow.kill();
      follow_until(items.size());
      EXPECT_EQ(sorted(queued()), sorted(items)) << step << answer;
      EXPECT_EQ(counts().pushed, items.size()) << step << answer;
    }
  }
}

TEST_F(PushFollowing, AnAnswerThatIsLostCostsNothingWithoutAKillEither) {
  const Words items = numbered("i", 300);
  for (const std::string& step : {std::string("XREADGROUP"), kPush, std::string("XACK")}) {
    redis_.call({"FLUSHALL"});
    add_entries(items);
    FaultProxy proxy(server_);
    proxy.lose_answer_to(step);
    Process follow = push_process(kFollow, {.environment = {{"WQ_REDIS", proxy.options().url}}});
    ASSERT_TRUE(eventually([&] { return proxy.faults() == 1 && counts().pushed >= 300; }))
        << step << follow.err();
    ASSERT_TRUE(eventually([&] { return pending() == 0; })) << step << follow.err();
    follow.signal(SIGTERM);
    EXPECT_EQ(follow.wait(), 143);
    EXPECT_EQ(sorted(queued()), sorted(items)) << step;
  }
}

TEST_F(PushFollowing, APushThatArrivesAfterTheNextRunHasPushedIsLeftOut) {
  const Words items = numbered("i", 10);
  add_entries(items);
  FaultProxy proxy(server_);
  proxy.delay_request(kPush);
  Process follow = push_process(kFollow, {.environment = {{"WQ_REDIS", proxy.options().url}}});
  ASSERT_TRUE(eventually([&] { return proxy.faults() == 1; }));
  follow.kill();
  follow_until(items.size());
  proxy.deliver();
  EXPECT_EQ(sorted(queued()), sorted(items));
  EXPECT_EQ(counts().pushed, items.size());
}

TEST_F(PushFollowing, KilledAgainAndAgainPushesEachEntryOnce) {
  const Words items = numbered("i", 4'000);
  add_entries(items);
  for (const std::uint64_t so_far : {1U, 300U, 1'000U, 2'500U}) {
    Process follow = push_process(kFollow);
    ASSERT_TRUE(eventually([&] { return counts().pushed >= so_far; })) << follow.err();
    follow.kill();
  }
  follow_until(items.size());
  EXPECT_EQ(counts().pushed, items.size());
  EXPECT_EQ(sorted(queued()), sorted(items));
  EXPECT_EQ(pending(), 0);
}

TEST_F(PushFollowing, TwoAtATimePushEachEntryOnce) {
  const Words items = numbered("i", 2'000);
  Process one = push_process(kFollow);
  Process two = push_process(kFollow);
  add_entries(items);
  ASSERT_TRUE(eventually([&] { return counts().pushed >= items.size() && pending() == 0; }));
  for (Process* follow : {&one, &two}) {
    follow->signal(SIGTERM);
    EXPECT_EQ(follow->wait(), 143);
  }
  EXPECT_EQ(counts().pushed, items.size());
  EXPECT_EQ(sorted(queued()), sorted(items));
}

TEST_F(PushFollowing, AnEntryThatWasRemovedBeforeItsTurnIsLeftOut) {
  add_entries({"a", "b"});
  FaultProxy proxy(server_);
  kill_at(proxy, kPush);  // both are pending now
  const std::string id(redis_.call({"XRANGE", "s", "-", "+"}).value()[0][0].text());
  redis_.call({"XDEL", "s", id});
  EXPECT_THAT(follow_until(2), Not(HasSubstr("error")));
  EXPECT_EQ(queued(), (Words{"a", "b"}));
  EXPECT_EQ(pending(), 0);
}

TEST_F(PushFollowing, ExcludesWhatWouldPushEntriesAgain) {
  for (const char* option : {"--fresh", "--once", "--dry-run"}) {
    EXPECT_THAT(said(kFollow + Words{option}, 2), HasSubstr(option)) << option;
  }
  EXPECT_THAT(said(kFollow + Words{"--skip", "1"}, 2), HasSubstr("--skip"));
}

TEST_F(PushFollowing, WithoutTheRightToReadTheGroupSaysWhichRightsAreMissing) {
  redis_.call({"ACL", "SETUSER", "me", "on", ">pw", "~*", "&*", "+@all", "-xreadgroup"});
  EXPECT_THAT(
      said(kFollow, 2, {.environment = {{"WQ_REDIS", "unix://me:pw@" + server_.socket_path()}}}),
      AllOf(HasSubstr("NOPERM"), HasSubstr("XREADGROUP and XACK")));
}

}  // namespace
}  // namespace wq::test
