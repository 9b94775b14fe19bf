#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <wq/clock.h>
#include <wq/worker.h>

#include "worker/confirmer.h"
#include "worker/executor.h"
#include "worker/intake.h"
#include "worker/isolation.h"
#include "worker/keeper.h"
#include "worker/queue_lease.h"
#include "worker/queue_source.h"
#include "worker/sources.h"
#include "worker/supply.h"

namespace wq::internal {

/// The state of a `Worker`: decides how many items to request from which queue and when the worker
/// ends, and owns the threads.
///
/// The thread that calls `run` leases and settles through the `QueueSource` of each queue, which
/// has a connection of its own or shares that of a group, and blocks on Redis only while it holds
/// nothing. The keeper's thread has one connection, only for renewals and heartbeats. The watch has
/// none: it ends leases and handlers by the local clock, so that no connection can delay it. The
/// thread of a reclaimer has a connection while this worker is elected; that of the confirmer has
/// one if settlements are to be confirmed by replicas.
class WorkerLoop {
 public:
  WorkerLoop(const std::vector<QueueShare>& queues, RedisOptions redis, WorkerOptions options,
             BatchHandler handler);
  WorkerLoop(const QueueGroup& group, RedisOptions redis, WorkerOptions options,
             BatchHandler handler);
  ~WorkerLoop();
  WorkerLoop(const WorkerLoop&) = delete;
  WorkerLoop& operator=(const WorkerLoop&) = delete;

  /// `WorkerReport::counts` are not filled in: they are of a queue.
  WorkerReport run();
  void request_stop(std::chrono::milliseconds grace) noexcept;

  // Of each queue that the user named, a group being one.
  [[nodiscard]] std::vector<WorkerStats> stats() const;
  [[nodiscard]] std::vector<Counts> counts() const { return intake_->counts(); }
  [[nodiscard]] std::chrono::milliseconds grace() const noexcept { return options_.grace; }
  [[nodiscard]] const std::string& session() const noexcept { return session_; }

 private:
  // What both kinds of workers have. The caller makes the intake.
  WorkerLoop(RedisOptions redis, WorkerOptions options, BatchHandler handler,
             const std::vector<std::string>& queues, const std::vector<unsigned>& weights);
  [[nodiscard]] SourceContext context();
  [[nodiscard]] Intake::OnLost on_lost();

  // The main thread.
  WorkerEnd work();
  using Round = std::vector<QueueIndex>;  // the queues that are asked together

  std::optional<WorkerEnd> reason_to_end();
  bool post_what_is_useful();
  void post(QueueIndex queue, std::vector<Settlement> settlements, std::size_t want);
  [[nodiscard]] std::vector<Settlement> to_settle(QueueIndex queue);
  bool absorb_answers();
  void absorb(QueueIndex queue, std::vector<std::pair<QueueIndex, std::vector<Lease>>>& leased);
  void take_in(QueueIndex queue, std::vector<Lease> leased);
  void release(std::vector<QueueLease> held);
  void advance_isolation();
  void absorb_settled(QueueIndex queue, LeaseStream::Answer& answer);
  void note_accepted(const Settlement& settlement);
  void count(QueueIndex queue, const Settlement& settlement, Settled settled);
  void count_confirmed();
  void give_up_unconfirmed();
  [[nodiscard]] bool replicas_have_the_look();
  bool replicas_have(const std::string& key, std::uint64_t mark);
  void wait_for_replicas();
  [[nodiscard]] std::size_t wanted();
  void divide_wanted();
  void give_share_back(QueueIndex queue, std::size_t keep);
  [[nodiscard]] std::optional<WorkerEnd> wait_for_work();
  [[nodiscard]] ItemWait item_wait(TimePoint now) const;
  void wait_for_progress(TimePoint now);
  std::optional<WorkerEnd> look_at_queues();
  void settle_the_rest();
  void give_back() noexcept;

  // The other threads, and what they share with it.
  void start_threads();
  template <typename Body>
  std::jthread start(const char* who, Body body);
  void stop_threads() noexcept;
  void keep(const std::stop_token& stop);
  void confirm(const std::stop_token& stop);
  void watch(const std::stop_token& stop);
  void rethrow_error() const;
  [[nodiscard]] bool has_error() const;
  void give_up(std::exception_ptr error) noexcept;
  void give_up_queue() noexcept;
  void fail(const char* who) noexcept;
  void log(LogLevel level, std::string_view text) const;

  const WorkerOptions options_;
  const RedisOptions redis_;
  const std::string session_;
  std::stop_source abandon_;  // ends every wait for Redis

  // Of the main thread.
  const Supply supply_;
  std::vector<std::size_t> shares_;  // by queue: to ask of it
  std::deque<Round> rounds_;         // that have not answered
  WorkerReport report_;
  std::uint64_t failures_in_a_row_ = 0;
  bool succeeded_ = false;
  bool beside_crashed_ = false;  // some of the items last leased have crashed before
  bool giving_back_ = false;     // what is leased from now on is released unrun
  std::size_t ready_slots_ = 0;  // when it was last asked how much is wanted
  std::size_t ahead_ = 0;        // likewise: items wanted beyond those of the slots
  TimePoint started_at_;
  TimePoint idle_since_;
  bool begun_ = false;  // all queues, at the last look

  // Shared.
  Executor executor_;
  Isolation isolation_;  // of the main thread
  Keeper keeper_;
  Confirmer confirmer_;
  Sources sources_;
  std::unique_ptr<Intake> intake_;
  std::atomic<std::uint64_t> holding_{0};  // leased, and the settlement not answered
  std::atomic<bool> stopping_{false};
  std::atomic<bool> failed_thread_{false};  // there is a fault_
  std::atomic<bool> drained_{false};
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable_any changed_;
  std::optional<TimePoint> leave_at_;  // when handlers get the stop request
  std::exception_ptr error_;           // of Redis, or what it holds: the first counts
  std::exception_ptr fault_;           // of a thread of the worker
  std::exception_ptr replaced_;        // of a queue that is not the one it was

  std::jthread keeper_thread_;
  std::jthread confirmer_thread_;
  std::jthread watch_thread_;
  std::vector<std::jthread> reclaimer_threads_;
};

}  // namespace wq::internal
