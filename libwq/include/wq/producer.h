#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
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
  /// Skip items that were ever pushed with this option, in this run or an earlier one: the once-key
  /// of an item without one is the item itself.
  bool once = false;
  /// Refuse to begin when the queue is drained already, since its workers may be leaving.
  bool unless_drained = false;
  /// Push to a server that may evict keys, and with them items.
  bool allow_eviction = false;
  /// How long the queue stays open without a heartbeat of the producer: once to twice this time
  /// after the last one, since the reclaimer must see none for the whole of it. A thread of the
  /// producer sends heartbeats while the object lives, however slowly items come.
  std::chrono::milliseconds hold{std::chrono::seconds{30}};
  /// `confirm` and `finish` return only when so many replicas have every push before: WAIT. If the
  /// server keeps an append-only file and knows WAITAOF (Redis 7.2), the pushes are then also in
  /// the file of the primary and in those of the replicas, on disk. Too few replicas are waited for
  /// as an unreachable Redis is, by the constructor too; past the patience `ConnectionError` says
  /// what is safe and what is not. The user needs the rights `+info +wait +waitaof`. Zero: nothing
  /// is waited for.
  unsigned durable_replicas = 0;
};

/// An item that differs from others in more than its bytes.
struct PushItem {
  std::string_view item{};  ///< any bytes; must live during the call
  /// How long the item waits, from the push on, before a worker may take it; at most 24 h. Such an
  /// item counts as delayed. Items that are equal are kept once among the delayed: the new time
  /// counts, and the count of merged items says that there was another one.
  std::chrono::milliseconds delay{0};
  /// Push it only if nothing was pushed to this queue with this key before, by a producer or as a
  /// follow-up (`FollowUp::once_key`). The queue remembers a key in the step that pushes the item,
  /// until it is purged. Any bytes, of any length: 28 bytes of each are kept.
  std::optional<std::string_view> once_key{};
};

/// The outcome of the pushes so far.
struct PushReport {
  std::uint64_t pushed = 0;   ///< confirmed
  std::uint64_t skipped = 0;  ///< their once-key was known: pushed before
  /// The connection broke and Redis lost the session: pushed or not. Never an item that was sent
  /// together with none but items that have a once-key: these are sent again.
  std::uint64_t unknown = 0;
  /// Redis had confirmed them and went back to an earlier state, as after a failover to a replica
  /// that lacked the last writes: they were pushed again. They count as pushed too.
  std::uint64_t recovered = 0;
  /// The same, but of longer ago than the producer remembers (60 s, at most 100,000 items or 16
  /// MB): they are not in the queue, and do not count as pushed.
  std::uint64_t lost = 0;
};

/// Fills a queue: items are sent in batches, two under way at a time, each exactly once even if
/// the connection breaks in between, and also if Redis then lacks the last pushes that it had
/// confirmed. While it lives the queue counts as open, so workers wait.
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

  /// Releases the hold at once. Without a call of `finish`, buffered items are dropped. Never
  /// throws.
  ~Producer();
  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;

  /// Adds an item: any bytes. Returns at once or waits while two batches are under way. Throws
  /// `std::invalid_argument` for an item longer than Redis takes (proto-max-bulk-len), which costs
  /// the others nothing: the producer goes on. Throws `DrainedError` if the hold was lost and the
  /// queue was drained meanwhile; the items that `report` counts stay in the queue.
  void push(std::string_view item);

  /// Adds items with delays and once-keys, one after the other: not in one step, and what `push`
  /// says of one item holds for each. Throws `std::invalid_argument` too for a delay below 0 or
  /// above 24 h; the items before the one at fault are added.
  ///
  ///     const wq::PushItem report{.item = "report", .delay = 10min, .once_key = "monday"};
  ///     producer.push({&report, 1});
  void push(std::span<const PushItem> items);

  /// Sends what is buffered without waiting for the answer; for input that comes slowly.
  void flush();

  /// Sends what is buffered and waits for every answer: each earlier item is in the queue, was
  /// skipped, or is unknown; see also `ProducerOptions::durable_replicas`. Call it before a step
  /// that depends on that, such as an acknowledgement to the source of the items. Throws as `push`
  /// does.
  PushReport confirm();

  /// Sends what is buffered, waits for every answer, and releases the hold. Nothing can be pushed
  /// afterwards.
  PushReport finish();

  /// What is known by now; grows as answers arrive. Does not talk to Redis.
  [[nodiscard]] PushReport report() const;

 private:
  std::unique_ptr<internal::PushSession> session_;
};

}  // namespace wq
