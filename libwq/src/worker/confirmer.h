#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include <wq/lease.h>
#include <wq/redis_options.h>

#include "queue/durability.h"
#include "redis/reconnecting_connection.h"
#include "worker/queue_lease.h"

namespace wq::internal {

/// Counts settlements of a worker only when replicas have them (`WorkerOptions::durable_replicas`).
///
/// A wait for replicas blocks its connection, so it is not the one that leases. There, each request
/// that settles then writes a mark: a number that grows, in a key of the worker's session. A server
/// that has a mark has everything before it, whatever happened to other servers. Here, a round
/// reads the marks, writes (only what follows a write of the connection itself can be waited for)
/// and waits for the replicas; it covers all that was settled since the round before began.
class Confirmer {
 public:
  /// Receives settlements: accepted if replicas have them, else unknown.
  using Count = std::function<void(QueueIndex, const Settlement&, Settled)>;

  /// Requests under way end once `abandon` is requested. `on_round` is called from the thread.
  Confirmer(RedisOptions redis, unsigned replicas, const std::stop_token& abandon,
            std::function<void()> on_round);

  [[nodiscard]] bool wanted() const noexcept { return durability_.wanted(); }

  // ---- the worker's main thread ----

  /// Another mark. Never zero.
  [[nodiscard]] std::uint64_t next_mark() noexcept { return ++last_mark_; }
  /// The mark was written to the key behind these settlements, of which there may be none.
  void add(QueueIndex queue, std::vector<Settlement> settlements, const std::string& key,
           std::uint64_t mark);
  /// Counts those that rounds have decided on since the last call.
  void deliver(const Count& count);
  /// Counts all others as unknown.
  void give_up(const Count& count);
  /// Whether replicas have the mark; nothing: that is not known yet. After `deliver`.
  [[nodiscard]] std::optional<bool> has(const std::string& key, std::uint64_t mark) const;
  /// Too few replicas confirm, or too slowly: it is better to take no more items.
  [[nodiscard]] bool is_short() const noexcept;
  /// Removes the keys of all marks, as far as Redis is there. Not while `run` runs.
  void remove_marks() noexcept;

  // ---- any thread ----

  /// Settlements that are not counted yet.
  [[nodiscard]] std::uint64_t waiting() const noexcept { return waiting_; }

  // ---- its own thread ----

  /// Until `stop`. Throws as `ReconnectingConnection::run`.
  void run(const std::stop_token& stop);

 private:
  using Marks = std::map<std::string, std::uint64_t>;
  // What a round has found for a key. It says nothing of marks above `asked`.
  struct Found {
    std::uint64_t asked = 0;
    std::uint64_t mark = 0;  // up to this one replicas have them; zero: none
  };
  struct Waiting {
    QueueIndex queue;
    std::vector<Settlement> settlements;
    std::string key;
    std::uint64_t mark;
  };

  std::map<std::string, Found> confirm(Connection& redis, const Marks& asked);

  Durability durability_;
  ReconnectingConnection link_;
  const std::function<void()> on_round_;

  // Of the main thread.
  std::uint64_t last_mark_ = 0;
  std::deque<Waiting> list_;
  std::size_t bytes_ = 0;               // of the settlements in it, about
  std::map<std::string, Found> known_;  // of each key the last that was found

  std::atomic<std::uint64_t> waiting_{0};
  std::atomic<bool> short_;

  std::mutex mutex_;  // guards what follows
  std::condition_variable_any changed_;
  Marks asked_;
  std::map<std::string, Found> found_;
};

}  // namespace wq::internal
