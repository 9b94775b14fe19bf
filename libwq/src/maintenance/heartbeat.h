#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <wq/clock.h>

#include "base/keys.h"
#include "redis/reconnecting_connection.h"

namespace wq::internal {

/// The status of a worker, for people and for `wqctl metrics`.
struct WorkerStatus {
  std::string label;
  std::string host;
  int pid = 0;
  unsigned slots = 0;
  std::uint64_t holding = 0;
  std::chrono::milliseconds oldest{0};  ///< how long the oldest of these has been held
  std::uint64_t completed = 0;
  std::uint64_t failed = 0;
  std::chrono::microseconds item_time{0};  ///< what one item takes, lately; zero: not known yet
  std::string waits{};                     ///< see queue/waiting.h; empty: it does not rest
  std::chrono::milliseconds next{0};       ///< of a worker that rests: until its next heartbeat
};

/// True if an entry of `Q:workers`, which any client may have written, is a heartbeat of the last
/// ten minutes by the server's clock.
[[nodiscard]] bool is_alive(std::string_view entry, std::int64_t server_ms);

/// A worker's heartbeat in `Q:workers`, and its bid to be the reclaimer. Not thread-safe.
class Heartbeat {
 public:
  /// How long the election of a reclaimer holds; it keeps it up every second.
  static constexpr std::chrono::milliseconds kTenure{4'000};
  /// While it does not rest.
  static constexpr std::chrono::milliseconds kInterval{2'000};

  Heartbeat(ReconnectingConnection& link, const Keys& keys, std::string session);

  /// Writes the entry and, with `bids`, bids. True if this worker is the reclaimer from now on; a
  /// reclaimer in office is not elected again. One try; throws `ConnectionError` or `ReplyError`.
  /// A worker that goes on resting asks Redis for nothing but that.
  [[nodiscard]] bool beat(const WorkerStatus& status, bool bids = true);

  /// The queue's id at the last beat; empty if it had none.
  [[nodiscard]] const std::string& queue_id() const noexcept { return queue_id_; }
  /// The queue's counter of pushed items at the last beat.
  [[nodiscard]] std::uint64_t pushed() const noexcept { return pushed_; }
  /// How many workers the queue had at the last beat of one that did not rest.
  [[nodiscard]] std::uint64_t workers() const noexcept { return workers_; }

  /// Removes the entry; of a drained queue all of them, since the other workers leave as well and
  /// those that died cannot. One try.
  void leave(bool drained);

 private:
  // Nothing if Redis has no memory for it.
  std::optional<bool> try_beat_at_rest(const std::string& json);
  // In one of two ways; nothing if Redis has no memory for it.
  std::optional<bool> try_beat(const std::string& json, bool bids, bool write_at_maxmemory);
  // Nothing as well.
  std::optional<bool> read_vote(Connection& redis);
  [[nodiscard]] std::string entry(const WorkerStatus& status) const;

  ReconnectingConnection& link_;
  const Keys& keys_;
  const std::string session_;
  std::int64_t server_ms_ = 0;   // the server's clock at this beat
  std::int64_t started_ms_ = 0;  // and at the first
  std::string queue_id_;
  std::uint64_t pushed_ = 0;
  std::uint64_t workers_ = 0;
  std::vector<std::string> to_wake_;  // when it leaves
  TimePoint beat_at_;                 // when the server's clock was read
  std::string waits_;                 // as Redis has it
};

}  // namespace wq::internal
