#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <wq/clock.h>
#include <wq/error.h>
#include <wq/queue.h>
#include <wq/worker.h>

#include "base/keys.h"
#include "maintenance/elected_reclaimer.h"
#include "maintenance/heartbeat.h"
#include "maintenance/lease_renewer.h"
#include "queue/lease_stream.h"
#include "queue/limits.h"
#include "queue/registry.h"
#include "queue/stages.h"
#include "queue/stream_link.h"
#include "redis/reconnecting_connection.h"
#include "worker/intake.h"
#include "worker/keeper_links.h"
#include "worker/wait_notice.h"

namespace wq::internal {

/// A worker's items of one queue by outcome, and those that it holds. Written by the main thread.
struct Tally {
  std::atomic<std::uint64_t> completed{0};
  std::atomic<std::uint64_t> failed{0};
  std::atomic<std::uint64_t> released{0};
  std::atomic<std::uint64_t> lost{0};
  std::atomic<std::uint64_t> unknown{0};
  std::atomic<std::uint64_t> holding{0};      // leased, and the settlement not answered
  std::atomic<std::uint64_t> unconfirmed{0};  // settled, and not counted: see `Confirmer`
  std::atomic<std::int64_t> item_us{0};       // what one takes, lately; zero: not known yet
};

/// Writes a mark, see `Confirmer`. Nothing may be under way on the link.
void write_mark(ReconnectingConnection& link, const Keys& keys, std::string_view session,
                std::uint64_t mark);

/// Warns of a server that may evict keys.
void warn_of_eviction(const Log& log, const ServerReport& server);

/// What the sources of a worker have in common. All of it must outlive them.
struct SourceContext {
  const RedisOptions& redis;
  const WorkerOptions& options;
  const std::string& session;
  std::stop_token abandon;  ///< requested: every wait for Redis ends
  KeeperLinks& keeper_links;
};

/// One queue of a worker, with all that the worker has of it: a connection to lease and settle, the
/// leases that it holds and their renewer, the items to release, the counts that were read last,
/// the heartbeat, and the reclaimer that the worker may be elected to be. Which queue is asked
/// when, and for how much, is not decided here.
///
/// Of the worker's main thread, but for what says otherwise.
class QueueSource {
 public:
  /// With a connection of its own.
  QueueSource(std::string queue, const SourceContext& context, LeaseRenewer::OnLost on_lost);
  /// One of the queues of a group, on a connection that they share. Such a queue may be purged or
  /// replaced at any time, which costs its leases and nothing else; and it has a heartbeat only
  /// while items of it are held. `queue_id`, `attached`: see `LeaseStream`.
  QueueSource(Keys keys, const SourceContext& context, LeaseRenewer::OnLost on_lost,
              StreamLink& shared, std::string queue_id, std::uint64_t attached);

  /// Any thread.
  [[nodiscard]] const Keys& keys() const noexcept { return keys_; }

  // ---- requests; all of this throws as `LeaseStream` does ----

  /// Makes a failure of what is too large for this Redis, or goes where it may not.
  void refuse_invalid(Settlement& settlement);
  /// See `LeaseStream::post`.
  void post(std::vector<Settlement> settlements, std::size_t want, std::uint64_t mark);
  /// The key of the marks.
  [[nodiscard]] std::string mark_key() const { return keys_.settled(session_); }
  /// See `LeaseStream::take`. The leases are kept from here on.
  LeaseStream::Answer take();
  [[nodiscard]] std::size_t outstanding() const noexcept { return stream_.outstanding(); }
  /// True if there are items whose leases the next request asks for.
  [[nodiscard]] bool has_unasked() const noexcept { return stream_.has_unasked(); }
  /// Nothing is on its way from or to Redis.
  [[nodiscard]] bool quiet() const noexcept;
  /// It may have a heartbeat, although it holds nothing. Any thread.
  [[nodiscard]] bool has_beaten() const noexcept { return has_beaten_; }
  /// Nothing is held or to be counted either.
  [[nodiscard]] bool idle() const noexcept {
    return quiet() && tally_.holding == 0 && tally_.unconfirmed == 0;
  }
  /// Throws as `check_still_taken` for the longest word of a request that is under way.
  void check_sizes(Connection& connection) const;
  /// Items that were asked for and are not leased yet.
  [[nodiscard]] std::size_t coming() const noexcept;
  /// See `LeaseStream::bearable`.
  [[nodiscard]] std::size_t bearable(std::size_t want) const noexcept;
  /// When it may be asked again after it was found empty.
  [[nodiscard]] TimePoint dry_until() const noexcept { return dry_until_; }
  void ask_at_once() noexcept { dry_until_ = TimePoint{}; }
  /// Waits for an item of any of these queues, of which there is at least one; see
  /// `LeaseStream::wait_for_any`. After a whole wait in vain they are not asked at once. False if
  /// nothing came although the wait was cut short: Redis is out of memory or broke a connection.
  static bool wait_for_any(std::span<QueueSource* const> sources,
                           std::chrono::milliseconds longest);
  /// Nothing has come for so long that the worker may rest, and Redis has a heartbeat that says how
  /// to end that. Only of a worker with this queue alone.
  [[nodiscard]] bool may_rest(std::chrono::milliseconds idle);
  /// A long wait for an item.
  void rest(const ItemWait& wait);
  /// Forgets what is under way, after an exception.
  void forget() noexcept;

  /// Items leased, but for those that went back.
  [[nodiscard]] std::uint64_t leased() const noexcept { return leased_; }
  /// An item that this Redis takes no longer: whatever is done to it, the server would close the
  /// connection. Null: there was none.
  [[nodiscard]] std::exception_ptr refused() const noexcept { return refused_; }

  /// Gives an item back with the next request, unrun.
  void release(Lease lease);
  /// The items to release.
  [[nodiscard]] std::vector<Settlement> take_released();
  [[nodiscard]] std::size_t released() const noexcept { return to_release_.size(); }

  /// Marks a lease as alone, see `LeaseRenewer::isolate`. Only while it is quiet.
  bool isolate(const Lease& lease);

  // ---- the queue ----

  /// Records the stages before the queue, and those after it that get its follow-ups. Throws
  /// `std::invalid_argument` for one before that comes after it, and `RefusedError` for a key of
  /// one after that has another type; then nothing was written. Those after it are registered: the
  /// first follow-up begins them, without a producer.
  void record_stages();
  /// Reads the counts of the queue and, if it is empty, of the stages before it. Throws
  /// `ProtocolError` if the queue is not the one it was.
  QueueState look();
  /// Writes a mark behind the last look. False if that may have been at another server. Only while
  /// it is quiet.
  [[nodiscard]] bool mark_look(std::uint64_t mark);
  /// The next request goes over a new connection. Only while it is quiet.
  void reconnect() noexcept { link_.drop(); }
  /// Whether more items are there or may come soon. After `look`.
  [[nodiscard]] bool may_get_more();
  /// `look` has found that the queue has begun.
  [[nodiscard]] bool has_met() const noexcept { return !queue_id_.empty(); }
  /// See `StagesLook`. After `look`.
  [[nodiscard]] std::uint64_t dead_before() const noexcept { return dead_before_; }
  /// As they were read last, by whichever thread. Any thread.
  [[nodiscard]] Counts counts() const;
  /// Says what is waited for, see `WaitNotice`. After `look`.
  void tell_wait(TimePoint now, std::size_t ready_slots);
  /// See `WaitNotice::name_queue`.
  void name_queue() { notice_.name_queue(); }
  void waits_no_more() noexcept { notice_.waits_no_more(); }

  // ---- the keeper's thread; one try each ----

  /// The heartbeat, and the bid to be the reclaimer. Throws as `look`.
  void beat();
  /// When the next heartbeat is due after the one at `now`.
  [[nodiscard]] TimePoint next_beat(TimePoint now) const;
  /// It is in a long wait for an item.
  [[nodiscard]] bool rests() const noexcept { return rests_; }
  /// See `spread_of_connections`.
  [[nodiscard]] std::chrono::milliseconds spread() const noexcept { return spread_; }
  /// Its last heartbeat says that it rests, but it does not any more.
  [[nodiscard]] bool has_woken() const;
  void read_counts_again();
  /// See `Heartbeat::leave`.
  void leave(bool drained);
  [[nodiscard]] ReconnectingConnection& keeper_link() noexcept { return keeper_link_; }
  /// Redis has refused one of these steps of a queue of a group, which is no fault of the others.
  /// False for a queue that is none of a group.
  bool bears(const ReplyError& refusal);

  // ---- what is thread-safe by itself ----

  [[nodiscard]] Tally& tally() noexcept { return tally_; }
  [[nodiscard]] const Tally& tally() const noexcept { return tally_; }
  [[nodiscard]] LeaseRenewer& renewer() noexcept { return renewer_; }
  [[nodiscard]] const LeaseRenewer& renewer() const noexcept { return renewer_; }
  /// Only with a connection of its own.
  [[nodiscard]] ElectedReclaimer& reclaimer() noexcept { return *reclaimer_; }
  /// Of a connection of its own.
  [[nodiscard]] std::uint64_t reconnects() const noexcept {
    return own_link_ ? own_link_->reconnects() : 0;
  }

 private:
  void check(Connection& connection);
  void beat_while_holding();
  [[nodiscard]] WorkerStatus status() const;
  [[nodiscard]] bool has_stages() const;
  void wake();
  Counts read_counts_now();
  Counts take_counts(Counts counts);
  [[nodiscard]] std::vector<Keys> targets() const;
  bool keep_record_of_stages(const Counts& counts);
  void keep_targets_open(const std::string& id);
  void register_targets(Connection& redis, TimePoint now);
  std::size_t longest_word_for(std::size_t bytes);
  void leave_what_is_too_long(std::vector<Lease>& leased);
  void note_pushed(std::uint64_t pushed);
  bool count_lost(Connection& redis, std::uint64_t pushed);
  void check_id(const std::string& known, const std::string& found, bool leased) const;
  void meet_queue(const std::string& id);

  const Keys keys_;
  const WorkerOptions& options_;
  const std::string session_;

  const std::unique_ptr<ReconnectingConnection> own_link_;  // unless it is shared
  ReconnectingConnection& link_;
  LeaseStream stream_;
  std::string waits_of_link_;       // see queue/waiting.h; empty: may not rest
  std::uint64_t waits_of_ = 0;      // the generation of the link that was asked for it
  bool was_told_ = false;           // at the last call of `may_rest` the heartbeat had said it
  bool was_woken_ = false;          // from the last rest
  std::atomic<bool> rests_{false};  // in the long wait
  bool warned_ = false;             // of a server that evicts
  std::deque<std::size_t> wants_;   // of the requests that are not answered
  std::deque<std::size_t> longest_sent_;  // likewise, in bytes
  StreamLink::WordLimit own_limit_;
  StreamLink::WordLimit& limit_;
  std::exception_ptr refused_;
  std::vector<Settlement> to_release_;
  std::uint64_t leased_ = 0;
  TimePoint dry_until_;  // nothing was ready: no use in asking before
  std::chrono::milliseconds dry_wait_{0};
  // Of the targets. The main thread's, and the keeper's once the stages are recorded.
  std::vector<Registration> registrations_;
  std::atomic<bool> recorded_stages_{false};  // else they may have been refused
  std::uint64_t dead_before_ = 0;
  std::uint64_t looked_with_ = 0;  // the generation of the link before the last look
  WaitNotice notice_;

  Tally tally_;
  ReconnectingConnection& keeper_link_;
  LeaseRenewer renewer_;
  Heartbeat heartbeat_;
  std::chrono::milliseconds spread_{0};                // of connections; of the keeper's thread
  std::atomic<bool> has_beaten_{false};                // on a connection that is shared
  bool warned_of_refusal_ = false;                     // of the keeper's thread
  const std::unique_ptr<ElectedReclaimer> reclaimer_;  // unless the group has one
  std::atomic<std::uint64_t> most_pushed_{0};          // that Redis has ever told
  mutable std::mutex mutex_;                           // guards what follows
  std::string queue_id_;                               // written by the main thread
  Counts counts_;
  std::uint64_t looks_ = 0;  // of the main thread
  std::string waits_;        // what the next heartbeat is to say; empty: it does not rest
  std::chrono::milliseconds rest_beat_{0};
  std::uint64_t fleet_ = 0;  // the workers of the queue
  std::string told_waits_;   // what the last one has said
};

}  // namespace wq::internal
