#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include <wq/export.h>
#include <wq/queue.h>
#include <wq/redis_options.h>

namespace wq {

namespace internal {
class ReconnectingConnection;
}

/// Metrics of a queue. Reading costs Redis a few commands, and time in proportion to the number of
/// workers, never of items.
struct QueueMetrics {
  Counts counts{};
  std::uint64_t workers = 0;  ///< with a heartbeat within the last 10 s
  /// How long the item has been held that is held longest, by what living workers say of
  /// themselves every two seconds; nothing if they hold none.
  std::optional<std::chrono::milliseconds> oldest_lease{};
  /// By the server's clock.
  std::chrono::sys_time<std::chrono::milliseconds> read_at{};
  std::uint64_t slots = 0;  ///< of these workers together
  /// What one item takes a slot, on average of what these workers did in the last minute; nothing
  /// if none of them has done one yet.
  std::optional<std::chrono::microseconds> item_time{};
  std::uint64_t fence = 0;  ///< the last one given out
  /// What each key of the queue that exists takes in Redis, estimated from five of its elements;
  /// by what it holds: "ready", "processing", "results". The leases, a key for each item in
  /// processing, are not among them. Empty if MEMORY USAGE is not allowed.
  std::map<std::string, std::uint64_t> memory_bytes{};
};

/// Reads these of any queue on one Redis, through one connection that is opened at first use. Not
/// thread-safe. What `Queue` says of patience and exceptions holds here too.
class WQ_API MetricsReader {
 public:
  /// Does not connect. Throws `std::invalid_argument` for a bad URL.
  explicit MetricsReader(RedisOptions options, std::stop_token stop = {});
  ~MetricsReader();
  MetricsReader(MetricsReader&&) noexcept;
  MetricsReader& operator=(MetricsReader&&) noexcept;

  /// Throws `std::invalid_argument` for a bad name as well.
  [[nodiscard]] QueueMetrics read(const std::string& queue);

 private:
  std::unique_ptr<internal::ReconnectingConnection> link_;
};

}  // namespace wq
