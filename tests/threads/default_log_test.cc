// What the library says of its own accord, where nobody gave it a log.
#include <algorithm>
#include <array>
#include <chrono>
#include <mutex>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <wq/error.h>
#include <wq/log.h>
#include <wq/producer.h>
#include <wq/worker.h>

#include "base/say.h"
#include "support/free_port.h"

namespace wq::test {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

// What is written to standard error comes here for as long as it lives.
class StandardError {
 public:
  StandardError() : saved_(::dup(STDERR_FILENO)) {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) throw std::runtime_error("no pipe");
    reading_ = ends[0];
    ::dup2(ends[1], STDERR_FILENO);
    ::close(ends[1]);
  }
  ~StandardError() {
    ::dup2(saved_, STDERR_FILENO);
    ::close(saved_);
    ::close(reading_);
  }
  StandardError(const StandardError&) = delete;
  StandardError& operator=(const StandardError&) = delete;

  // The next that comes; nothing if none comes in time.
  std::string read(std::chrono::milliseconds longest) const {
    pollfd ready{.fd = reading_, .events = POLLIN, .revents = 0};
    if (::poll(&ready, 1, static_cast<int>(longest.count())) != 1) return "";
    std::array<char, 4'096> bytes{};
    const ssize_t n = ::read(reading_, bytes.data(), bytes.size());
    return {bytes.data(), static_cast<std::size_t>(std::max<ssize_t>(n, 0))};
  }

 private:
  int saved_;
  int reading_ = -1;
};

RedisOptions closed_port(std::chrono::milliseconds patience = std::chrono::minutes{15}) {
  RedisOptions options;
  options.url = "redis://127.0.0.1:" + std::to_string(free_port());
  options.patience = patience;
  return options;
}

TEST(DefaultLog, AProducerWithoutARedisSaysWithinSecondsWhatItWaitsFor) {
  const StandardError err;
  const RedisOptions redis = closed_port();
  const std::string server = redis.url.substr(redis.url.find("127"));
  std::string said;
  {
    const std::jthread producer([&redis](const std::stop_token& stop) {
      EXPECT_THROW(Producer("q", redis, {}, stop), ConnectionError);
    });
    said = err.read(10s);
  }
  EXPECT_THAT(said, AllOf(StartsWith("wq: warning: "), HasSubstr(server),
                          HasSubstr("retrying for 900 s\n")));
}

TEST(DefaultLog, NoLogSaysNothing) {
  const StandardError err;
  RedisOptions redis = closed_port(100ms);
  redis.log = no_log;
  EXPECT_THROW(Producer("q", redis), ConnectionError);
  EXPECT_THAT(err.read(0ms), IsEmpty());
}

TEST(DefaultLog, AWorkersLogIsToldOfItsRedisToo) {
  const StandardError err;
  std::mutex mutex;
  std::vector<std::string> lines;
  WorkerOptions options;
  options.log = [&](LogLevel, std::string_view line) {
    const std::lock_guard lock(mutex);
    lines.emplace_back(line);
  };
  Worker worker("q", closed_port(100ms), options, [](const Job&) { return Outcome::complete(); });
  EXPECT_THROW(worker.run(), ConnectionError);
  EXPECT_THAT(lines, Contains(HasSubstr("retrying for")));
  EXPECT_THAT(err.read(0ms), IsEmpty());
}

TEST(DefaultLog, IsOneLineAnEventAndNoneForWhatIsOnlyOfUseToUs) {
  const StandardError err;
  internal::say({}, LogLevel::debug, "the reclaimer ends");
  internal::say({}, LogLevel::info, "Redis\nis \x1b[31mback");
  EXPECT_EQ(err.read(0ms), "wq: info: Redis\\nis \\x1b[31mback\n");
}

}  // namespace
}  // namespace wq::test
