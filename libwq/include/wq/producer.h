#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include <wq/export.h>
#include <wq/redis_options.h>

namespace wq {

namespace internal {
class PushSession;
}

struct ProducerOptions {
  /// Skip items that were ever pushed with this option, in this run or an earlier one.
  bool once = false;
  /// Refuse to begin when the queue is drained already, since its workers may be leaving.
  bool unless_drained = false;
  /// Push to a server that may evict keys, and with them items.
  bool allow_eviction = false;
  /// How long the queue stays open without a heartbeat of the producer: once to twice this time
  /// after the last one, since the reclaimer must see none for the whole of it. A thread of the
  /// producer sends heartbeats while the object lives, however slowly items come.
  std::chrono::milliseconds hold{std::chrono::seconds{30}};
};

/// The outcome of the pushes so far.
struct PushReport {
  std::uint64_t pushed = 0;   ///< confirmed
  std::uint64_t skipped = 0;  ///< pushed before (`once`)
  std::uint64_t unknown = 0;  ///< the connection broke and Redis lost the session: pushed or not
};

/// Fills a queue: items are sent in batches, two under way at a time, each exactly once even if
/// the connection breaks in between. While it lives the queue counts as open, so workers wait.
///
/// Thread-safe: calls are serialised.
class WQ_API Producer {
 public:
  /// Connects and takes the hold. Throws `std::invalid_argument` for a bad name or URL,
  /// `DrainedError` (with `unless_drained`), `RefusedError` for a server that is too old or that
  /// may evict (without `allow_eviction`), `ConnectionError` past the patience or once `stop` is
  /// requested.
  Producer(std::string queue, RedisOptions redis, ProducerOptions options = {},
           std::stop_token stop = {});

  /// Gives up the hold without waiting for what `finish` was not called for: what is buffered is
  /// dropped. Never throws.
  ~Producer();
  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;

  /// Adds an item: any bytes. Returns at once or waits while two batches are under way. Throws
  /// `std::invalid_argument` for an item longer than Redis takes (proto-max-bulk-len), which costs
  /// the others nothing: the producer goes on. Throws `DrainedError` if our hold was lost and the
  /// queue was drained meanwhile; what `report` says is in stays in.
  void push(std::string_view item);

  /// Sends what is buffered without waiting for the answer; for input that comes slowly.
  void flush();

  /// Sends what is buffered, waits for every answer, and releases the hold. Nothing can be pushed
  /// afterwards.
  PushReport finish();

  /// What is known by now; grows as answers arrive. Does not talk to Redis.
  [[nodiscard]] PushReport report() const;

 private:
  std::unique_ptr<internal::PushSession> session_;
};

}  // namespace wq
