// Workers to which nothing has come for a while: they wait for minutes, and whoever changes the
// queue ends that. The first rest is longer than `eventually` waits: what it sees was no end of a
// rest by itself.
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <regex>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <wq/admin.h>
#include <wq/worker.h>

#include "queue/waiting.h"
#include "support/eventually.h"
#include "support/queue_test.h"

namespace wq::test {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr const char* kHolder = "0123456789abcdef";

class Rest : public QueueTest {
 protected:
  Rest() {
    // A queue that has begun, and that a producer of whom nothing more is heard holds open for
    // long.
    redis_.call({"HSET", key(Key::stats), "id", "q"});
    redis_.call(
        {"ZADD", key(Key::producers), std::to_string(redis_.time_ms() + 3'000'000), kHolder});
  }
  ~Rest() override {
    for (const auto& each : workers_) each->request_stop_now();
  }

  void start(
      std::size_t n, const Handler& handler = [](const Job&) { return Outcome::complete(); }) {
    for (std::size_t i = 0; i < n; ++i) {
      workers_.push_back(
          std::make_unique<Worker>(keys_.queue(), options(), WorkerOptions{}, handler));
    }
    for (const auto& each : workers_) {
      threads_.emplace_back([this, worker = each.get()] {
        const WorkerReport report = worker->run();
        if (report.end == WorkerEnd::drained) ++drained_;
        ++ended_;
      });
    }
    ASSERT_TRUE(eventually([&] { return resting() == n; }));
  }

  // Those whose waits are longer than that of a worker that does not rest.
  std::size_t resting() {
    std::size_t told = 0;
    for (const std::string& entry : redis_.list({"HVALS", key(Key::workers)})) {
      if (nlohmann::json::parse(entry).contains(internal::kWaitsField)) ++told;
    }
    const std::string clients = redis_.text({"CLIENT", "LIST"}).value();
    // In the same wait for two seconds.
    static const std::regex kWaiting(R"( idle=([2-9]|\d\d+) [^\n]* cmd=brpoplpush )");
    const auto waiting = std::distance(
        std::sregex_iterator(clients.begin(), clients.end(), kWaiting), std::sregex_iterator());
    return std::min(told, static_cast<std::size_t>(waiting));
  }
  void end_hold_untold() { redis_.call({"ZREM", key(Key::producers), kHolder}); }
  std::uint64_t calls(const std::string& command) {
    const std::string stats = redis_.text({"INFO", "commandstats"}).value();
    const std::regex pattern("cmdstat_" + command + ":calls=(\\d+)");
    std::smatch found;
    return std::regex_search(stats, found, pattern) ? std::stoull(found[1]) : 0;
  }

  std::atomic<std::size_t> drained_{0};
  std::atomic<std::size_t> ended_{0};
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::jthread> threads_;
};

TEST_F(Rest, BeginsAfterAFewWaits) {
  redis_.call({"CONFIG", "RESETSTAT"});
  start(1);
  // Each of them takes a second, however slow the machine is. The heartbeat comes every other
  // second.
  EXPECT_LE(calls("brpoplpush"), 12U);
  EXPECT_LE(calls("hset"), 8U);
}

TEST_F(Rest, IsQuietAlsoForTheReclaimer) {
  start(1);
  const auto left_ms = [this] { return redis_.integer({"PTTL", key(Key::reclaimer)}); };
  ASSERT_TRUE(eventually([&] { return left_ms() > 4'000; }));
  redis_.call({"CONFIG", "RESETSTAT"});
  // It renews its office every second otherwise, and the other worker shows that time passes.
  Worker other("other", options(), {.max_idle = 3s},
               [](const Job&) { return Outcome::complete(); });
  redis_.call({"ZADD", "other:producers", std::to_string(redis_.time_ms() + 3'000'000), kHolder});
  redis_.call({"HSET", "other:stats", "id", "other"});
  EXPECT_EQ(other.run().end, WorkerEnd::max_idle);
  const auto clients = redis_.text({"CLIENT", "LIST"}).value();
  EXPECT_THAT(clients, HasSubstr("cmd=brpoplpush"));
  EXPECT_GT(left_ms(), 4'000);
  redis_.call({"UNLINK", "other:producers", "other:stats", "other:workers", "other:reclaimer"});
}

TEST_F(Rest, EndsWithAnItem) {
  start(2);
  push({"a"});
  EXPECT_TRUE(eventually([this] { return counts().completed == 1; }));
}

TEST_F(Rest, EndsForAllWhenTheLastProducerLeaves) {
  start(3);
  Producer producer(keys_.queue(), options());
  end_hold_untold();
  producer.finish();
  EXPECT_TRUE(eventually([this] { return drained_ == 3; }));
}

TEST_F(Rest, EndsForAllWhenOneCompletesTheLastItem) {
  start(3, [this](const Job&) {
    end_hold_untold();
    return Outcome::complete();
  });
  push_past_us({"a"});
  EXPECT_TRUE(eventually([this] { return drained_ == 3; }));
  EXPECT_FALSE(redis_.exists(key(Key::workers)));
}

TEST_F(Rest, EndsForAllWhenTheLastItemIsDropped) {
  const std::string later = std::to_string(redis_.time_ms() + 3'000'000);
  redis_.call({"ZADD", key(Key::delayed), later, "a"});
  ++foreign_pushes_;
  start(2);
  end_hold_untold();
  const std::vector<std::string> items{"a"};
  EXPECT_THAT(Admin(keys_.queue(), options()).drop(items, ItemState::delayed), SizeIs(1));
  EXPECT_TRUE(eventually([this] { return drained_ == 2; }));
}

TEST_F(Rest, EndsForAllWhenTheQueueIsPurged) {
  conserves_ = false;
  Worker one(keys_.queue(), options(), {}, [](const Job&) { return Outcome::complete(); });
  std::atomic<bool> replaced{false};
  std::jthread thread([&] {
    try {
      one.run();
    } catch (const ProtocolError&) {
      replaced = true;
    }
  });
  EXPECT_TRUE(eventually([&] { return resting() == 1; }));
  Admin(keys_.queue(), options()).purge();
  EXPECT_TRUE(eventually([&] { return replaced.load(); }));
  one.request_stop_now();
}

TEST_F(Rest, EndsWhenTheWorkerIsStopped) {
  start(2);
  for (const auto& each : workers_) each->request_stop();
  EXPECT_TRUE(eventually([this] { return ended_ == 2; }));
  EXPECT_EQ(drained_, 0U);
}

TEST_F(Rest, TakesNothingFromAPausedQueueThatNobodyHasToldItOf) {
  start(1);
  redis_.call({"SET", key(Key::paused), "1"});
  redis_.call({"CONFIG", "RESETSTAT"});
  push_past_us({"a"});
  EXPECT_TRUE(eventually([this] { return calls("rpush") == 1; })) << "it has come and gone back";
  EXPECT_THAT(all(Key::ready), ElementsAre("a"));
  EXPECT_EQ(counts().leased, 0U);
  redis_.call({"DEL", key(Key::paused)});
  EXPECT_TRUE(eventually([this] { return counts().completed == 1; }));
}

TEST_F(Rest, EndsForADelayedItem) {
  start(1);
  ASSERT_TRUE(eventually([this] { return redis_.integer({"PTTL", key(Key::reclaimer)}) > 4'000; }));
  Producer producer(keys_.queue(), options());
  const std::vector<PushItem> items{{.item = "a", .delay = 10ms}};
  producer.push(items);
  producer.confirm();
  EXPECT_TRUE(eventually([this] { return counts().completed == 1; }, 20s)) << "before it peeks";
}

class Waits : public QueueTest {};

TEST_F(Waits, AreEndedOnlyInTheRunOfTheServerTheyAreOf) {
  internal::Connection waiting(options());
  const std::string waits = internal::waits_of(waiting).value();
  const std::string client = waits.substr(waits.find(':'));
  EXPECT_EQ(internal::end_waits(redis_.connection(), {"another run" + client}), 0U);
  waiting.send({{"BRPOPLPUSH", key(Key::ready), key(Key::processing), "20"}});
  const auto entry = [](const std::string& text) {
    return nlohmann::json{{internal::kWaitsField, text}}.dump();
  };
  redis_.call({"HSET", key(Key::workers), "a", entry("another run" + client), "b", entry(waits),
               "c", "no JSON", "d", R"({"waits":7})", "e", entry("")});
  internal::end_all_waits(redis_.connection(), keys_);
  EXPECT_TRUE(waiting.receive().value().is_nil());
}

}  // namespace
}  // namespace wq::test
