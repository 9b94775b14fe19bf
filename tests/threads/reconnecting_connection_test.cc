// ReconnectingConnection without a server: what it does when there is none. With one: tests/redis.
#include "redis/reconnecting_connection.h"

#include <atomic>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <wq/error.h>

#include "base/unique_fd.h"
#include "support/temporary_folder.h"

namespace wq::internal {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

RedisOptions nowhere(std::chrono::milliseconds patience = 0ms) {
  RedisOptions options;
  options.url = "unix:///nowhere/at/all";
  options.patience = patience;
  return options;
}

TEST(LinkWithoutServer, DoesNotConnectBeforeItsFirstUse) {
  const ReconnectingConnection link(nowhere(), {});
  EXPECT_FALSE(link.connected());
}

TEST(LinkWithoutServer, KnowsAWrongUrlAtOnce) {
  RedisOptions options;
  options.url = "nonsense";
  EXPECT_THROW(ReconnectingConnection(options, {}), std::invalid_argument);
}

TEST(LinkWithoutServer, ThrowsPastThePatienceAndNamesTheServerAndTheTime) {
  ReconnectingConnection link(nowhere(), {});
  try {
    link.run([](Connection&) { return 1; });
    ADD_FAILURE() << "it did not";
  } catch (const ConnectionError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("/nowhere/at/all"), HasSubstr("gave up after 0")));
  }
}

TEST(LinkWithoutServer, OneTryDoesNotWait) {
  ReconnectingConnection link(nowhere(1h), {});
  EXPECT_THROW(static_cast<void>(link.connection()), ConnectionError);
}

TEST(LinkWithoutServer, TriesAgainWithinThePatienceAndSaysSoOnce) {
  std::vector<std::string> lines;
  RedisOptions options = nowhere(200ms);
  options.log = [&lines](LogLevel level, std::string_view line) {
    EXPECT_EQ(level, LogLevel::warning);
    lines.emplace_back(line);
  };
  ReconnectingConnection link(options, {});
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_THROW(link.run([](Connection&) { return 1; }), ConnectionError);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 150ms);
  EXPECT_THAT(lines, ElementsAre(HasSubstr("retrying for")));
}

TEST(LinkWithoutServer, AStopEndsTheWaiting) {
  std::stop_source stop;
  RedisOptions options = nowhere(1h);
  options.log = [&stop](LogLevel, std::string_view) { stop.request_stop(); };
  ReconnectingConnection link(options, stop.get_token());
  try {
    link.run([](Connection&) { return 1; });
    ADD_FAILURE() << "it did not";
  } catch (const ConnectionError& error) {
    EXPECT_THAT(error.what(), HasSubstr("stopped"));
  }
}

TEST(LinkWithoutServer, AStopWakesTheOneThatWaits) {
  std::stop_source stop;
  std::atomic<bool> waiting{false};
  RedisOptions options = nowhere(1h);
  options.log = [&waiting](LogLevel, std::string_view) {
    waiting = true;
    waiting.notify_all();
  };
  ReconnectingConnection link(options, stop.get_token());
  std::thread caller(
      [&link] { EXPECT_THROW(link.run([](Connection&) { return 1; }), ConnectionError); });
  waiting.wait(false);
  stop.request_stop();
  caller.join();
  EXPECT_FALSE(link.connected());
}

TEST(LinkWithoutServer, CountsThePatienceFromTheFirstFailureInARow) {
  std::vector<std::string> lines;
  RedisOptions options = nowhere(1h);
  options.log = [&lines](LogLevel, std::string_view line) { lines.emplace_back(line); };
  ReconnectingConnection link(options, {});
  const auto fails = [&link](const char* why) {
    const auto nothing = [] {};
    EXPECT_FALSE(link.run_step([why] { throw ConnectionError(why); }, nothing, nothing));
  };
  fails("away");
  fails("still away");
  EXPECT_THAT(lines, ElementsAre(HasSubstr("away; retrying for")));
  link.recovered();
  EXPECT_THAT(lines, SizeIs(2));
  EXPECT_THAT(lines.back(), HasSubstr("Redis is reachable again after"));
  link.recovered();
  EXPECT_THAT(lines, SizeIs(2));
  fails("away again");
  EXPECT_THAT(lines, SizeIs(3));
}

// Takes connections and says nothing.
class SilentServer {
 public:
  SilentServer() : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path().copy(address.sun_path, sizeof address.sun_path - 1);
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): what bind takes
    const auto* const any = reinterpret_cast<const sockaddr*>(&address);
    if (::bind(socket_.get(), any, sizeof address) != 0 || ::listen(socket_.get(), 64) != 0) {
      throw std::runtime_error("cannot listen");
    }
  }
  [[nodiscard]] std::string path() const { return folder_.path() / "s"; }

 private:
  test::TemporaryFolder folder_;
  UniqueFd socket_;
};

TEST(LinkToASilentServer, IsGivenUpWithinThePatience) {
  const SilentServer server;
  std::vector<std::string> lines;
  RedisOptions options;
  options.url = "unix://" + server.path();
  options.patience = 1'500ms;
  options.log = [&lines](LogLevel, std::string_view line) { lines.emplace_back(line); };
  ReconnectingConnection link(options, {});
  const auto begin = std::chrono::steady_clock::now();
  try {
    link.run([](Connection&) { return 1; });
    ADD_FAILURE() << "it answered";
  } catch (const ConnectionError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("timed out while waiting for an answer"),
                                    HasSubstr("gave up after 1.5 s")));
  }
  const auto time = std::chrono::steady_clock::now() - begin;
  EXPECT_GE(time, 1'400ms);
  EXPECT_LT(time, options.command_timeout);
  EXPECT_THAT(lines, ::testing::IsEmpty());  // there was no time for another try
}

TEST(LinkToASilentServer, TellsAtOnceWhatIsWaitedFor) {
  const SilentServer server;
  std::vector<std::string> told;
  RedisOptions options;
  options.url = "unix://" + server.path();
  options.patience = 0ms;
  options.waiting = [&told](std::string_view whom) { told.emplace_back(whom); };
  ReconnectingConnection link(options, {});
  EXPECT_THROW(link.run([](Connection&) { return 1; }), ConnectionError);
  EXPECT_THAT(told, ElementsAre(server.path()));
}

TEST(LinkWithoutServer, RefusesToWaitForNoTimeAtAll) {
  RedisOptions options = nowhere();
  options.command_timeout = 1ms;
  options.connect_timeout = 1ms;
  EXPECT_NO_THROW(ReconnectingConnection(options, {}));
  options.command_timeout = 0ms;
  EXPECT_THROW(ReconnectingConnection(options, {}), std::invalid_argument);
  options = nowhere();
  options.connect_timeout = -1ms;
  EXPECT_THROW(ReconnectingConnection(options, {}), std::invalid_argument);
}

}  // namespace
}  // namespace wq::internal
