// What should not be in a queue is found, and mended without a loss.
#include <atomic>
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <wq/admin.h>
#include <wq/error.h>
#include <wq/worker.h>

#include "queue/operations.h"
#include "support/eventually.h"
#include "support/fault_proxy.h"
#include "support/queue_test.h"

namespace wq::test {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Kind = Inconsistency::Kind;

class Verify : public QueueTest {
 protected:
  // Kind, how many, how many mended.
  static std::map<Kind, std::pair<std::uint64_t, std::uint64_t>> of(const VerifyReport& report) {
    std::map<Kind, std::pair<std::uint64_t, std::uint64_t>> found;
    for (const Inconsistency& inconsistency : report.inconsistencies) {
      found[inconsistency.kind] = {inconsistency.count, inconsistency.mended};
    }
    return found;
  }

  static bool reads(std::string_view request, const std::string& list) {
    const std::string words = fmt::format("LRANGE\r\n${}\r\n{}\r\n", list.size(), list);
    return request.find(words) != std::string_view::npos;
  }

  // One of each kind that can be mended.
  void spoil() {
    push({"popped", "endless", "completed"});
    redis_.call({"RPOPLPUSH", "q", "q:processing"});
    Queue queue = open_queue();
    static_cast<void>(lease_one(queue));
    redis_.call({"PERSIST", lease_key("endless")});
    redis_.call({"SET", lease_key("nobody"), "0123456789abcdef#7", "PX", "1000000"});
    redis_.call({"HSET", key(Key::attempts), hash_of("forgotten"), "2"});
    redis_.call({"HSET", key(Key::failures), hash_of("forgotten"), R"({"kind":"exit"})"});
    redis_.call({"HSET", key(Key::workers), "0123456789abcdef", R"({"seen_ms":1})"});
    redis_.call({"SET", key(Key::reclaimer), "0123456789abcdef"});
  }

  Admin admin_{"q", options()};
};

TEST_F(Verify, FindsNothingInAQueueThatIsInOrderAndWritesNothing) {
  push(numbered("", 10), {.once = true});
  Queue queue = open_queue();
  std::vector<Lease> leases = queue.lease(4, 1min);
  static_cast<void>(
      queue.settle({{leases[0], Outcome::fatal("x")}, {leases[1], Outcome::fail("y")}}));
  for (const Lease& lease : leases) redis_.call({"PEXPIRE", lease_key(lease.item), "86400000"});
  const VerifyReport report = admin_.verify();
  EXPECT_THAT(report.inconsistencies, IsEmpty());
  EXPECT_TRUE(report.provable);
  EXPECT_EQ(report.unaccounted, 0U);
}

TEST_F(Verify, TellsAMissingItemFromOneThatOthersPushed) {
  push(numbered("", 3));
  push_past_us({"theirs"});
  EXPECT_EQ(admin_.verify().foreign_pushes, 1U);
  EXPECT_THAT(of(admin_.verify()), IsEmpty());
  redis_.call({"DEL", "q"});
  conserves_ = false;
  const VerifyReport report = admin_.verify();
  EXPECT_EQ(of(report),
            (std::map<Kind, std::pair<std::uint64_t, std::uint64_t>>{{Kind::missing, {3, 0}}}));
  EXPECT_EQ(of(admin_.repair()), of(report)) << "what is gone stays gone";
}

TEST_F(Verify, ProvesNothingBesideRedisWqClients) {
  push({"a", "b"});
  redis_.call({"RPOPLPUSH", "q", "q:processing"});
  redis_.call({"SETEX", lease_key("a"), "60", "0a1b2c3d"});
  redis_.call({"RPOP", "q"});  // completed by another of them
  conserves_ = false;
  const VerifyReport report = admin_.verify();
  EXPECT_FALSE(report.provable);
  EXPECT_EQ(report.unaccounted, 1U);
  EXPECT_THAT(report.inconsistencies, IsEmpty());
}

TEST_F(Verify, FindsAndMendsWhatShouldNotBeThere) {
  spoil();
  const VerifyReport found = admin_.verify();
  std::map<Kind, std::pair<std::uint64_t, std::uint64_t>> expected;
  for (const Kind kind : {Kind::unleased, Kind::endless_lease, Kind::stray_lease,
                          Kind::stale_history, Kind::dead_worker, Kind::endless_election}) {
    expected[kind] = {1, 0};
  }
  EXPECT_EQ(of(found), expected);
  for (auto& [kind, numbers] : expected) numbers.second = 1;
  EXPECT_EQ(of(admin_.repair()), expected);
  EXPECT_THAT(admin_.repair().inconsistencies, IsEmpty());
  EXPECT_THAT(all(Key::ready), ElementsAre("popped", "completed"));
  EXPECT_THAT(all(Key::processing), ElementsAre("endless"));
}

TEST_F(Verify, LeavesALivingLeaseAndAHistoryThatIsNeededAlone) {
  push({"a", "b"});
  Queue queue = open_queue();
  ASSERT_EQ(
      queue
          .settle({{lease_one(queue), Outcome::fail("x")}}, {.backoff_base = 1h, .backoff_max = 1h})
          .front(),
      Settled::accepted);
  const Lease held = lease_one(queue, 10min);
  redis_.call({"LREM", "q:processing", "1", "b"});  // somebody took it away
  const VerifyReport report = admin_.repair();
  EXPECT_EQ(of(report)[Kind::stray_lease], (std::pair<std::uint64_t, std::uint64_t>{1, 0}));
  EXPECT_TRUE(redis_.exists(lease_key("b")));
  EXPECT_EQ(redis_.text({"HGET", key(Key::attempts), hash_of("a")}), "1");
  conserves_ = false;
}

TEST_F(Verify, ThatIsStoppedDoesNotSayWhatItCouldNotWatch) {
  push({"popped"});
  redis_.call({"RPOPLPUSH", "q", "q:processing"});
  std::stop_source stop;
  stop.request_stop();
  Admin admin("q", options(), stop.get_token());
  EXPECT_THROW(static_cast<void>(admin.verify()), ConnectionError);
  EXPECT_THROW(static_cast<void>(admin.repair()), ConnectionError);
}

TEST_F(Verify, FindsTheItemOfALeaseThatAWalkPassesOver) {
  push(numbered("", 20));
  Queue queue = open_queue();
  ASSERT_EQ(queue.lease(20, 1h).size(), 20U);
  // In the first walk of each look an item is moved aside, as settlements do with what stands in
  // their way, and so the ninth gets among those that were read.
  int walks = 0;
  FaultProxy proxy(server_);
  proxy.watch([&](std::string_view bytes) {
    if (bytes.find("SCAN\r\n$1\r\n0") != std::string_view::npos) {
      if (walks > 0) redis_.call({"LMOVE", "q:processing", "q:processing", "LEFT", "RIGHT"});
      walks = 0;
    } else if (reads(bytes, "q:processing") && bytes.find("\r\n-9\r\n") != std::string_view::npos) {
      if (walks++ == 0) redis_.call({"RPOPLPUSH", "q:processing", "q:processing"});
    }
  });
  EXPECT_THAT(of(Admin("q", proxy.options()).verify()), IsEmpty());
  proxy.watch({});
  EXPECT_GT(walks, 1);
}

TEST_F(Verify, DoesNotTakeTheFailuresOfAnItemThatMovesForStale) {
  push({"a"});
  Queue queue = open_queue();
  ASSERT_EQ(
      queue
          .settle({{lease_one(queue), Outcome::fail("x")}}, {.backoff_base = 1h, .backoff_max = 1h})
          .front(),
      Settled::accepted);
  ASSERT_THAT(admin_.retry({{"a"}}), ElementsAre(Changed::done));
  // Leased just when ready is read, and released when processing is.
  std::optional<Lease> lease;
  FaultProxy proxy(server_);
  proxy.watch([&](std::string_view bytes) {
    if (!lease && reads(bytes, "q")) {
      lease = lease_one(queue);
    } else if (lease && reads(bytes, "q:processing")) {
      EXPECT_EQ(queue.settle({{std::move(*lease), Outcome::release(0ms)}}).front(),
                Settled::accepted);
      lease.reset();
    }
  });
  EXPECT_THAT(of(Admin("q", proxy.options()).repair()), IsEmpty());
  proxy.watch({});
  EXPECT_EQ(redis_.text({"HGET", key(Key::attempts), hash_of("a")}), "1");
}

TEST_F(Verify, ARepairThatIsBrokenOffAtAnyOfItsChangesLosesNothing) {
  spoil();
  for (const auto* change :
       {&internal::scripts::reclaim, &internal::scripts::end_strays, &internal::scripts::forget}) {
    std::stop_source stop;
    FaultProxy proxy(server_);
    proxy.watch([&](std::string_view bytes) {
      if (bytes.find(change->sha1) == std::string_view::npos) return;
      stop.request_stop();
      redis_.call({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
    });
    try {
      static_cast<void>(Admin("q", proxy.options(), stop.get_token()).repair());
    } catch (const ConnectionError&) {
    }
    proxy.watch({});
    EXPECT_TRUE(stop.stop_requested());
    expect_conserved();
  }
  static_cast<void>(admin_.repair());
  EXPECT_THAT(admin_.verify().inconsistencies, IsEmpty());
  EXPECT_THAT(all(Key::ready), ElementsAre("popped", "completed"));
}

TEST_F(Verify, DuringADrainFindsNothingAndTakesNothingFromAnybody) {
  constexpr std::size_t kItems = 3'000;
  push(numbered("", kItems));
  WorkerOptions options;
  options.concurrency = 4;
  options.halt_after = 0;
  options.retry = {.max_attempts = 3, .backoff_base = 1ms, .backoff_max = 5ms};
  std::atomic<unsigned> repairs = 0;
  Worker worker("q", this->options(), options, [&](const Job& job) {
    // So that the drain lasts for three of them.
    if (job.item.ends_with("00")) {
      EXPECT_TRUE(eventually([&] { return repairs * 1000 >= std::stoul(std::string(job.item)); }));
    }
    return job.item.ends_with('7') && job.lease.failures < 2 ? Outcome::fail("7")
                                                             : Outcome::complete();
  });
  WorkerReport report;
  std::atomic<bool> over = false;
  std::jthread runs([&] {
    report = worker.run();
    over = true;
  });
  while (!over) {
    for (const Inconsistency& inconsistency : admin_.repair().inconsistencies) {
      ADD_FAILURE() << static_cast<int>(inconsistency.kind) << ": " << inconsistency.count;
    }
    ++repairs;
  }
  runs.join();
  EXPECT_EQ(report.completed, kItems);
  EXPECT_EQ(report.lost, 0U);
  EXPECT_EQ(counts().returned, 0U);
}

}  // namespace
}  // namespace wq::test
