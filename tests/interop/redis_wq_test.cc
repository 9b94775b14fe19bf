// One queue, drained by workers of wq and by RedisWQ clients at once.
#include <atomic>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <wq/reclaimer.h>
#include <wq/worker.h>

#include "support/eventually.h"
#include "support/queue_test.h"

namespace wq::test {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// The commands of the Python class, in its order.
class RedisWqClient {
 public:
  RedisWqClient(const RedisOptions& options, std::string queue, std::string session)
      : redis_(options), queue_(std::move(queue)), session_(std::move(session)) {}

  bool empty() {
    return redis_.integer({"LLEN", queue_}) == 0 &&
           redis_.integer({"LLEN", queue_ + ":processing"}) == 0;
  }
  std::optional<std::string> pop() {
    return redis_.text({"BRPOPLPUSH", queue_, queue_ + ":processing", "0.2"});
  }
  void lease(const std::string& item, const std::string& seconds = "60") {
    redis_.call({"SETEX", lease_key(item), seconds, session_});
  }
  void complete(const std::string& item) {
    redis_.call({"LREM", queue_ + ":processing", "0", item});
    redis_.call({"DEL", lease_key(item)});
  }

 private:
  [[nodiscard]] std::string lease_key(const std::string& item) const {
    return queue_ + ":leased_by_session:" + std::string(text(hash_item(item)));
  }

  RedisClient redis_;
  std::string queue_;
  std::string session_;
};

class RedisWq : public QueueTest {
 protected:
  // Completions of RedisWQ clients are not counted.
  RedisWq() { conserves_ = false; }

  RedisWqClient client(const std::string& session) { return {options(), keys_.queue(), session}; }

  RedisWqClient client_ = client("3f333df6-90a4-4fda-8dd3-9485d27cee36");
};

TEST_F(RedisWq, ClientsAndOurWorkersDrainOneQueueTogether) {
  const std::vector<std::string> items = numbered("item", 2'000);
  push(items);
  std::atomic<unsigned> ours{0};
  std::multiset<std::string> theirs;
  std::thread python([&] {
    while (!client_.empty()) {
      const auto item = client_.pop();
      if (!item) continue;
      client_.lease(*item);
      theirs.insert(*item);
      client_.complete(*item);
    }
  });
  Worker worker(keys_.queue(), options(), {}, [&ours](const Job& job) {
    ++ours;
    return Outcome::complete(std::string(job.item));
  });
  EXPECT_EQ(worker.run().end, WorkerEnd::drained);
  python.join();

  std::multiset<std::string> all = theirs;
  for (const Result& result : open_queue().results("", items.size())) all.insert(result.item);
  EXPECT_EQ(all, std::multiset<std::string>(items.begin(), items.end()));
  EXPECT_GT(ours, 0U);
  EXPECT_EQ(counts().completed, ours);
}

TEST_F(RedisWq, AClientThatDiesBeforeItsLeaseLosesNothing) {
  push({"a"});
  ASSERT_EQ(client_.pop(), "a");  // and is never heard of again
  Reclaimer reclaimer(keys_.queue(), options());
  const TimePoint now = BootClock::now();
  EXPECT_EQ(reclaimer.pass(now).returned, 0U);
  EXPECT_EQ(reclaimer.pass(now + 3s).returned, 0U);
  EXPECT_EQ(reclaimer.pass(now + 6s).returned, 1U);
  EXPECT_THAT(all(Key::ready), ElementsAre("a"));
  EXPECT_THAT(all(Key::processing), IsEmpty());
}

TEST_F(RedisWq, AClientThatDiesUnderItsLeaseLosesNothing) {
  push({"a"});
  ASSERT_EQ(client_.pop(), "a");
  client_.lease("a");
  Reclaimer reclaimer(keys_.queue(), options());
  const TimePoint now = BootClock::now();
  for (const auto later : {0s, 10s, 20s}) EXPECT_EQ(reclaimer.pass(now + later).returned, 0U);
  redis_.call({"PEXPIRE", lease_key("a"), "0"});
  for (const auto later : {30s, 33s, 36s}) static_cast<void>(reclaimer.pass(now + later));
  EXPECT_THAT(all(Key::ready), ElementsAre("a"));
  EXPECT_EQ(counts().crashed, 0U);
}

TEST_F(RedisWq, AForeignLeaseIsCountedOnce) {
  push({"a"});
  ASSERT_EQ(client_.pop(), "a");
  client_.lease("a");
  Reclaimer reclaimer(keys_.queue(), options());
  EXPECT_EQ(reclaimer.pass().foreign, 1U);
  EXPECT_EQ(reclaimer.pass().foreign, 0U);
  EXPECT_EQ(counts().foreign, 1U);
}

TEST_F(RedisWq, OurWorkerWaitsForWhatAClientHasLeased) {
  push({"a", "b"});
  ASSERT_EQ(client_.pop(), "a");
  client_.lease("a");
  std::atomic<bool> left{false};
  std::vector<std::string> handled;
  std::thread thread([&] {
    Worker worker(keys_.queue(), options(), {}, [&handled](const Job& job) {
      handled.emplace_back(job.item);
      return Outcome::complete();
    });
    EXPECT_EQ(worker.run().end, WorkerEnd::drained);
    left = true;
  });
  EXPECT_TRUE(eventually([this] { return counts().completed == 1; }));
  EXPECT_FALSE(left);
  client_.complete("a");
  thread.join();
  EXPECT_THAT(handled, ElementsAre("b"));
}

TEST_F(RedisWq, AClientThatTakesALeaseOverMakesOurCompletionRefused) {
  push({"a"});
  Queue queue = open_queue();
  Lease lease = lease_one(queue);
  client_.lease("a");
  EXPECT_THAT(queue.settle({completed(std::move(lease))}), ElementsAre(Settled::lost));
  EXPECT_EQ(counts().processing, 1U);
}

}  // namespace
}  // namespace wq::test
