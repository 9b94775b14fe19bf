// Reaching a server: passwords, databases, servers that are away or refuse.
#include <atomic>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <wq/error.h>
#include <wq/queue.h>

#include "redis/reconnecting_connection.h"
#include "support/eventually.h"
#include "support/queue_test.h"

namespace wq::test {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

// What a call throws, as "kind: words", or nothing.
template <typename Call>
std::string thrown_by(Call call) {
  try {
    call();
  } catch (const RefusedError& error) {
    return std::string("refused: ") + error.what();
  } catch (const ReplyError& error) {
    return std::string("reply: ") + error.what();
  } catch (const ConnectionError& error) {
    return std::string("connection: ") + error.what();
  } catch (const std::invalid_argument& error) {
    return std::string("argument: ") + error.what();
  }
  return "";
}

class Connecting : public QueueTest {
 protected:
  explicit Connecting(const std::vector<std::string>& config = {}) : QueueTest(config) {}

  static std::string counting(const RedisOptions& options) {
    return thrown_by([&] { static_cast<void>(Queue("q", options).counts()); });
  }
  RedisOptions with_url(const std::string& url) const {
    RedisOptions options = this->options();
    options.url = url;
    return options;
  }
};

TEST_F(Connecting, AServerThatComesLaterIsWaitedFor) {
  server_.kill();
  std::atomic<int> warnings{0};
  std::atomic<int> infos{0};
  RedisOptions options = this->options();
  options.log = [&](LogLevel level, std::string_view) {
    ++(level == LogLevel::warning ? warnings : infos);
  };
  std::optional<Counts> counts;
  std::thread caller([&] { counts = Queue("q", options).counts(); });
  EXPECT_TRUE(eventually([&] { return warnings > 0; }));
  server_.start();
  caller.join();
  ASSERT_TRUE(counts.has_value());
  EXPECT_THAT(counts->id, IsEmpty());
  EXPECT_EQ(warnings, 1);  // not one for each try
  EXPECT_EQ(infos, 1);
}

TEST_F(Connecting, AServerThatStaysAwayIsGivenUpPastThePatience) {
  server_.kill();
  conserves_ = false;
  RedisOptions options = this->options();
  options.patience = 50ms;
  EXPECT_THAT(counting(options), AllOf(HasSubstr("connection: "), HasSubstr("gave up")));
  options.patience = 0ms;
  EXPECT_THAT(counting(options), HasSubstr("connection: "));
}

TEST_F(Connecting, AStopEndsTheWaiting) {
  server_.kill();
  conserves_ = false;
  std::atomic<bool> waiting{false};
  RedisOptions options = this->options();
  options.log = [&](LogLevel, std::string_view) { waiting = true; };
  std::stop_source stop;
  std::string what;
  std::thread caller([&] {
    Queue queue("q", options, stop.get_token());
    what = thrown_by([&] { static_cast<void>(queue.counts()); });
  });
  EXPECT_TRUE(eventually([&] { return waiting.load(); }));
  stop.request_stop();
  caller.join();
  EXPECT_THAT(what, AllOf(HasSubstr("connection: "), HasSubstr("stopped")));
}

TEST_F(Connecting, SelectsTheDatabase) {
  redis_.call({"SELECT", "3"});
  redis_.call({"HSET", "q:stats", "id", "in three"});
  EXPECT_EQ(Queue("q", with_url(server_.url() + "?db=3")).counts().id, "in three");
  EXPECT_THAT(Queue("q", options()).counts().id, IsEmpty());
}

TEST_F(Connecting, ADatabaseThatDoesNotExistIsRefusedAtOnce) {
  EXPECT_THAT(counting(with_url(server_.url() + "?db=99")),
              AllOf(HasSubstr("refused: "), HasSubstr("database")));
}

TEST_F(Connecting, APasswordThatNobodyAsksForIsRefusedAtOnce) {
  EXPECT_THAT(counting(with_url("unix://:secret@" + server_.socket_path())),
              AllOf(HasSubstr("refused: "), Not(HasSubstr("secret"))));
}

TEST_F(Connecting, AUserThatDoesNotExistIsRefusedAtOnce) {
  EXPECT_THAT(counting(with_url("unix://nobody:secret@" + server_.socket_path())),
              AllOf(HasSubstr("refused: WRONGPASS"), Not(HasSubstr("secret"))));
  EXPECT_THAT(counting(with_url("unix://nobody@" + server_.socket_path())),
              HasSubstr("refused: WRONGPASS"));
}

TEST_F(Connecting, AUserMayHaveNoPassword) {
  redis_.call({"ACL", "SETUSER", "open", "on", "nopass", "~*", "+@all"});
  EXPECT_THAT(counting(with_url("unix://open@" + server_.socket_path())), IsEmpty());
}

TEST_F(Connecting, AUserWithoutARightIsRefusedAtOnce) {
  redis_.call({"ACL", "SETUSER", "u", "on", ">pw", "~*", "+@all", "-evalsha"});
  EXPECT_THAT(counting(with_url("unix://u:pw@" + server_.socket_path())),
              HasSubstr("refused: NOPERM"));
}

TEST_F(Connecting, AUserWithoutARightThatAScriptNeedsIsToldWhich) {
  redis_.call({"ACL", "SETUSER", "u", "on", ">pw", "~*", "+@all", "-zcard"});
  EXPECT_THAT(counting(with_url("unix://u:pw@" + server_.socket_path())),
              AllOf(HasSubstr("refused: NOPERM"), HasSubstr("'zcard'")));
}

TEST_F(Connecting, AUserWhoMayNotAskForInfoMayWork) {
  redis_.call({"ACL", "SETUSER", "u", "on", ">pw", "~*", "+@all", "-info", "-client|setname"});
  const RedisOptions options = with_url("unix://u:pw@" + server_.socket_path());
  EXPECT_THAT(counting(options), IsEmpty());
  const ServerReport server = Queue("q", options).server();
  EXPECT_THAT(server.version, IsEmpty());
  EXPECT_FALSE(server.evicts());
}

TEST_F(Connecting, TellsWhatTheServerIs) {
  const ServerReport server = open_queue().server();
  EXPECT_THAT(server.version, Not(IsEmpty()));
  EXPECT_EQ(server.maxmemory_policy, "noeviction");
  redis_.call({"CONFIG", "SET", "maxmemory-policy", "volatile-ttl"});
  EXPECT_TRUE(open_queue().server().evicts());
}

TEST_F(Connecting, NamesTheConnectionEvenIfTheNameIsOdd) {
  RedisOptions options = this->options();
  options.client_name = "my worker\n#1";
  Queue queue("q", options);
  static_cast<void>(queue.counts());
  EXPECT_THAT(redis_.text({"CLIENT", "LIST"}).value_or(""), HasSubstr("name=my-worker-#1 "));
}

TEST_F(Connecting, AReplicaIsWaitedOutPastThePatience) {
  push({"a"});
  redis_.call({"CONFIG", "SET", "replica-serve-stale-data", "yes"});
  redis_.call({"REPLICAOF", "127.0.0.1", "1"});
  RedisOptions options = this->options();
  options.patience = 100ms;
  EXPECT_THAT(thrown_by([&] { static_cast<void>(Queue("q", options).lease(1, 1min)); }),
              HasSubstr("connection: READONLY"));
  redis_.call({"REPLICAOF", "NO", "ONE"});
  EXPECT_THAT(Queue("q", options).lease(1, 1min), SizeIs(1));
}

TEST_F(Connecting, TooManyClientsAreWaitedOutPastThePatience) {
  redis_.call({"CONFIG", "SET", "maxclients", "1"});
  RedisOptions options = this->options();
  options.patience = 100ms;
  EXPECT_THAT(counting(options), HasSubstr("connection: "));
  redis_.call({"CONFIG", "SET", "maxclients", "100"});
  EXPECT_THAT(counting(options), IsEmpty());
}

TEST_F(Connecting, ALinkCountsItsConnectionsAndSaysWhatToPrepareOnEach) {
  int prepared = 0;
  internal::ReconnectingConnection link(options(), {}, [&](internal::Connection&) { ++prepared; });
  EXPECT_FALSE(link.connected());
  EXPECT_EQ(link.generation(), 0U);
  static_cast<void>(link.connection());
  static_cast<void>(link.connection());
  EXPECT_EQ(prepared, 1);
  EXPECT_EQ(link.generation(), 1U);
  link.drop();
  link.drop();
  EXPECT_FALSE(link.connected());
  static_cast<void>(link.connection());
  EXPECT_EQ(prepared, 2);
  EXPECT_EQ(link.generation(), 2U);
}

TEST_F(Connecting, AConnectionThatBrokeStaysBroken) {
  internal::Connection connection(options());
  redis_.call({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
  internal::CommandBuffer ping;
  ping.command({"PING"});
  EXPECT_THROW(connection.call(ping), ConnectionError);
  EXPECT_THROW(connection.send(ping), ConnectionError);
  EXPECT_THROW(static_cast<void>(connection.receive()), ConnectionError);
}

TEST_F(Connecting, AnErrorAmongSeveralAnswersIsThrown) {
  internal::Connection connection(options());
  internal::CommandBuffer commands;
  commands.command({"NOT-A-COMMAND"});
  commands.command({"PING"});
  EXPECT_THROW(connection.call(commands), ReplyError);
}

TEST_F(Connecting, AnAnswerOfTheWrongKindIsAProtocolError) {
  internal::Connection connection(options());
  internal::CommandBuffer ping;
  ping.command({"PING"});
  const Reply reply = connection.call(ping);
  EXPECT_EQ(reply.value().text(), "PONG");
  EXPECT_THROW(static_cast<void>(reply.value().integer()), ProtocolError);
  EXPECT_THROW(static_cast<void>(reply.value().size()), ProtocolError);
  EXPECT_THROW(static_cast<void>(reply.value()[0]), ProtocolError);
}

class WithPassword : public Connecting {
 protected:
  // The fixture's own client has to log in as well, so the password comes later.
  WithPassword() { redis_.call({"CONFIG", "SET", "requirepass", "s3cret p@ss/word"}); }
  void TearDown() override { conserves_ = false; }
};

TEST_F(WithPassword, NoneIsRefusedAtOnce) {
  EXPECT_THAT(counting(options()), AllOf(HasSubstr("refused: NOAUTH"), HasSubstr("password")));
}

TEST_F(WithPassword, AWrongOneIsRefusedAtOnceAndNotShown) {
  RedisOptions options = this->options();
  options.password = "guessed";
  EXPECT_THAT(counting(options), AllOf(HasSubstr("refused: WRONGPASS"), Not(HasSubstr("guessed"))));
}

TEST_F(WithPassword, TheRightOneIsTakenFromTheOptionsTheUrlOrAFile) {
  RedisOptions options = this->options();
  options.password = "s3cret p@ss/word";
  EXPECT_THAT(counting(options), IsEmpty());
  EXPECT_THAT(counting(with_url("unix://:s3cret%20p%40ss%2Fword@" + server_.socket_path())),
              IsEmpty());
  EXPECT_THAT(counting(with_url("unix://default:s3cret%20p%40ss%2Fword@" + server_.socket_path())),
              IsEmpty());
  for (const char* end : {"", "\n", "\r\n"}) {
    options = this->options();
    options.password_file =
        server_.folder().file("password", std::string("s3cret p@ss/word") + end);
    EXPECT_THAT(counting(options), IsEmpty());
  }
}

TEST_F(WithPassword, TheUrlCountsBeforeTheOptionsAndTheseBeforeTheFile) {
  RedisOptions options = with_url("unix://:s3cret%20p%40ss%2Fword@" + server_.socket_path());
  options.password = "wrong";
  EXPECT_THAT(counting(options), IsEmpty());
  options = this->options();
  options.password = "s3cret p@ss/word";
  options.password_file = server_.folder().file("password", "wrong");
  EXPECT_THAT(counting(options), IsEmpty());
}

TEST_F(WithPassword, AFileIsReadAgainForEveryConnection) {
  RedisOptions options = this->options();
  options.password_file = server_.folder().file("password", "s3cret p@ss/word\n");
  Queue queue("q", options);
  static_cast<void>(queue.counts());
  redis_.call({"CONFIG", "SET", "requirepass", "new"});
  server_.folder().file("password", "new\n");
  redis_.call({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
  EXPECT_NO_THROW(static_cast<void>(queue.counts()));
}

TEST_F(WithPassword, AFileThatCannotBeReadIsTheCallersMistake) {
  RedisOptions options = this->options();
  options.password_file = server_.folder().path() / "missing";
  EXPECT_THAT(counting(options), AllOf(HasSubstr("argument: "), HasSubstr("missing")));
  options.password_file = server_.folder().path();
  EXPECT_THAT(counting(options),
              AllOf(HasSubstr("argument: "), HasSubstr(server_.folder().path().string())));
}

TEST_F(WithPassword, AFileThatVanishesLaterIsWaitedFor) {
  RedisOptions options = this->options();
  options.password_file = server_.folder().file("password", "s3cret p@ss/word");
  options.patience = 50ms;
  Queue queue("q", options);
  std::filesystem::remove(options.password_file);
  EXPECT_THAT(thrown_by([&] { static_cast<void>(queue.counts()); }), HasSubstr("connection: "));
  server_.folder().file("password", "s3cret p@ss/word");
  EXPECT_NO_THROW(static_cast<void>(queue.counts()));
}

class OverTcp : public Connecting {};

TEST_F(OverTcp, ARefusedConnectionIsNamed) {
  RedisOptions options = with_url("redis://127.0.0.1:1/0");
  options.patience = 0ms;
  EXPECT_THAT(counting(options),
              AllOf(HasSubstr("connection: "), HasSubstr("127.0.0.1:1"), HasSubstr("refused")));
}

TEST_F(OverTcp, AHostThatDoesNotExistIsWaitedForUpToThePatience) {
  RedisOptions options = with_url("redis://no-such-host.invalid");
  options.patience = 0ms;
  EXPECT_THAT(counting(options),
              AllOf(HasSubstr("connection: "), HasSubstr("no-such-host.invalid")));
}

TEST_F(OverTcp, AWrongUrlIsKnownAtOnce) {
  for (const char* url :
       {"", "redis", "http://x", "redis://host:port", "redis://host:0", "redis://host:65536",
        "redis://host/db", "unix://relative", "redis://%4", "unix:///s?timeout=1"}) {
    EXPECT_THAT(thrown_by([&] { Queue("q", with_url(url)); }), HasSubstr("argument: ")) << url;
  }
}

}  // namespace
}  // namespace wq::test
