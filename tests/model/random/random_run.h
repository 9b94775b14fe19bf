#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <wq/lease.h>

#include "base/keys.h"
#include "maintenance/reclaim_pass.h"
#include "model/random/frozen_redis.h"
#include "model/random/operator_model.h"
#include "model/random/pass_model.h"
#include "model/random/queue_model.h"
#include "queue/operations.h"

namespace wq::test::random {

/// Redis and the model do not agree, or the model is broken. Says where, after which operations,
/// and how to see it again.
class Mismatch : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Random operations on one queue, each carried out by Redis and by the model. The same seed gives
/// the same operations.
class RandomRun {
 public:
  RandomRun(FrozenRedis& redis, std::uint64_t seed);

  /// Throws `Mismatch` as soon as an answer differs, or what Redis holds; all of that is compared
  /// after every `kLookEvery` operations and at the end.
  void run(std::size_t steps);

  static constexpr std::size_t kLookEvery = 25;

 private:
  // A worker of ours: its session, what it popped and what it holds.
  struct Worker {
    std::string session;
    std::vector<Lease> popped;
    std::vector<Lease> leased;
    std::vector<Lease> former;  // settled, dropped or lost
  };
  // A producer of ours: its session, and the pushes whose answers it has not taken for granted.
  struct Producer {
    std::string session;
    std::int64_t hold_ms = 60'000;
    std::int64_t next_number = 1;
    std::int64_t answered = 0;
    std::deque<QueueModel::Push> sent{};
    std::int64_t last = 0;  // the number of the last push that was executed
  };
  // A pattern of items that are dropped from ready, and how far that has come.
  struct Walk {
    std::size_t pattern = 0;
    std::int64_t put;
  };
  struct Operation {
    void (RandomRun::*carry_out)();
    int weight;
  };
  static const std::vector<Operation>& operations();

  void step();
  void look();
  void settle_order();

  // Workers, in random_worker_ops.cc.
  void attach();
  void pop();
  void wait_and_claim();
  void claim_late();
  void claim(Worker& worker, const std::string& item, const std::optional<std::string>& named,
             const std::string& id);
  void crowd();
  void lease();
  void lease_again();
  void settle();
  void settle_again();
  void renew();
  void checkpoint();
  void counts();

  // The mark of an item that is alone, in random_isolation_ops.cc.
  void isolate();
  void isolate_lease(Worker& worker, const Lease& lease);
  void isolate_item(const std::string& item);

  // Producers, in random_producer_ops.cc.
  void open();
  void push();
  void push_again();
  void touch();
  void register_queue();
  void forget_queues();
  void close();
  void forget_session();
  void ask_how_far();
  void lose_items();
  void forget_lost();

  // Everybody else, in random_other_ops.cc.
  void reclaim();
  void requeue();
  void promote();
  void sweep();
  void pass();
  void reconnect_pass();
  void push_past_us();
  void redis_wq_pop();
  void redis_wq_settle();
  void evict_lease();
  void remove_by_hand();
  void spoil_expiry();
  void heartbeat();
  void tell_terms();
  void trim_results();
  void wait_for_a_moment();
  void drain();
  void advance(std::int64_t span_ms);
  void pass_time();
  void turn_clock_back();

  // Operators, in random_operator_ops.cc.
  void pause();
  void retry();
  void drop();
  void drop_ready();
  void walk_step();
  void purge();
  void purge_with(const std::vector<std::string>& sessions);
  void purge_leases();
  void end_strays();
  void end_leases(const std::vector<OperatorModel::Seen>& strays);
  void forget();
  void page();
  void find();
  void read_lease(std::string_view holder, std::int64_t left_ms);
  void last_due();

  struct Posted {
    std::vector<Settlement> settlements;
    RetryPolicy policy;
    std::string session;
  };
  void post(const Posted& posted);
  /// Those of the worker and, half of the times, one that it had before.
  [[nodiscard]] std::vector<Lease> leases_and_a_former_one(const Worker& worker);
  [[nodiscard]] Outcome random_outcome();
  [[nodiscard]] std::vector<FollowUp> random_follow_ups();
  [[nodiscard]] std::vector<Total> random_totals();
  [[nodiscard]] Outcome random_kind_of_outcome();
  [[nodiscard]] Total random_total(std::string key);
  [[nodiscard]] RetryPolicy random_policy();
  [[nodiscard]] std::vector<QueueModel::Settled> with_delays(internal::CommandBuffer& call,
                                                             const Posted& posted);
  std::vector<bool> ask_for_leases(const Worker& worker, std::span<const Lease> leases,
                                   std::chrono::milliseconds ttl);
  void read_history(std::span<Lease> leases);
  void pop_some(Worker& worker, std::size_t n);
  void open_session(const Producer& producer, bool unless_drained);
  std::string carry_out_push(const QueueModel::Push& push);
  std::string finish_transaction(internal::CommandBuffer& call, const QueueModel::Push& push);
  void reclaim_items(const std::vector<std::string>& items);

  // Compares an answer.
  void expect(std::string_view what, const std::string& redis, const std::string& model) const;
  void note(std::string text);
  [[noreturn]] void fail(const std::string& what) const;

  // Random choices.
  std::size_t below(std::size_t n);
  bool one_in(std::size_t n) { return below(n) == 0; }
  std::int64_t between(std::int64_t low, std::int64_t high);
  std::string random_name();
  std::string random_item();
  std::vector<std::string> random_items(std::size_t n);
  std::vector<std::string> items_to_look_at();
  std::vector<std::string> items_to_change(ItemState from);
  std::optional<std::int64_t> random_latest_ms(ItemState from);
  /// One that a worker of ours holds, or held.
  std::optional<std::string> random_leased_item();
  /// False where items are waiting already.
  [[nodiscard]] bool wants_items() const;
  Worker& worker_of_the_oldest();
  Worker& random_worker() { return workers_[below(workers_.size())]; }
  Producer& random_producer() { return producers_[below(producers_.size())]; }
  std::chrono::milliseconds random_ttl();

  FrozenRedis& redis_;
  const std::uint64_t seed_;
  std::mt19937_64 random_;
  const internal::Keys keys_{"q"};
  QueueModel model_{keys_};
  OperatorModel operator_{model_};
  std::vector<Worker> workers_;
  std::pair<Worker*, std::string> late_{nullptr, {}};  // whose wait has moved which item
  std::vector<Producer> producers_;
  std::vector<Posted> posted_;  // to be sent again
  std::vector<std::string> held_by_redis_wq_;
  std::string purged_fence_;  // the last one before a purge
  std::optional<Walk> walk_;
  std::map<ItemState, OperatorModel::Place> places_;  // where the last page ended
  const ReclaimerOptions reclaimer_options_;
  std::unique_ptr<internal::ReclaimPass> pass_;
  PassModel pass_model_;
  TimePoint boot_;  // our own clock, which never goes back
  std::uint64_t made_items_ = 0;
  std::size_t steps_ = 0;
  bool draining_ = false;        // nothing new comes
  std::deque<std::string> log_;  // the last operations
};

/// As they stand in the log.
[[nodiscard]] std::string text_of(const Counts& counts);
[[nodiscard]] std::string text_of(std::span<const std::string> items);

}  // namespace wq::test::random
