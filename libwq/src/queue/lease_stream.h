#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <wq/clock.h>
#include <wq/lease.h>
#include <wq/queue.h>

#include "base/keys.h"
#include "queue/operations.h"
#include "queue/pop_size.h"
#include "queue/stream_link.h"
#include "redis/reconnecting_connection.h"

namespace wq::internal {

/// The fast path of a worker: every request settles finished items, confirms the leases of what
/// the request before it popped, and pops more, all in one write; and a request may be posted
/// before the answer to the one before it is taken. So an item costs a third of three round trips,
/// and Redis is never idle while work is prepared.
///
/// A connection that breaks is made again within the patience of the link, and the requests in
/// flight are posted again: settlements (accepted at most once), leases (which this worker has
/// already, or takes if not too late), pops (the items of lost pops return to the queue by
/// themselves; the repeated pop asks for fewer). Items that arrive too late to be leased return by
/// themselves too, and are logged. Not thread-safe.
class LeaseStream {
 public:
  /// The answer to one request.
  struct Answer {
    std::vector<Settlement> settlements;  ///< as posted
    std::vector<Settled> settled;         ///< what became of each
    std::vector<Lease> leased;            ///< leased: work may begin
    TimePoint leased_at;                  ///< when the leases were asked for; they end a ttl later
    std::size_t wanted = 0;               ///< as posted
    std::size_t popped = 0;               ///< were ready; they are leased by the next request
    std::uint64_t pushed = 0;             ///< see `Popped`
    /// As posted; zero if it is not certain that the server that has it has the settlements.
    std::uint64_t mark = 0;
    /// Of one of several streams: what Redis has refused. Settlements that it refused count as
    /// lost, and what was popped returns to the queue by itself.
    std::string refusal{};
  };

  /// `now` is the clock by which a popped item is too old to be leased. `link` and `keys` must
  /// outlive the stream; no other code may use the link while requests are in flight.
  LeaseStream(ReconnectingConnection& link, const Keys& keys, std::string session,
              PopSize pop_size = {}, TimePoint (*now)() = &BootClock::now);
  /// One of several streams on one connection: their answers are to be taken in the order of their
  /// requests. What of them throws ends all; the others must be told to `forget` too. `attached`:
  /// the generation of the link after which the queue was attached, or zero. `queue_id`: for a
  /// queue that has none, as `random_id` makes it.
  LeaseStream(StreamLink& shared, const Keys& keys, std::string session, std::string queue_id,
              std::uint64_t attached);

  /// How long leases last and what failures cost, from the next request on.
  void set_terms(std::chrono::milliseconds ttl, const RetryPolicy& policy);

  /// Sends a request: settles `settlements`, takes the leases of what is popped and not leased
  /// yet, pops up to `want` more (0 to kMaxBatch). `mark`: is written behind the settlements, see
  /// `Confirmer`; zero: none. Does not wait. Throws as `ReconnectingConnection::run`.
  void post(std::vector<Settlement> settlements, std::size_t want, std::uint64_t mark = 0);

  /// Of `want` items the next request may pop so many that they arrive in time to be leased, as far
  /// as recent answers tell; zero while one that takes its time is under way.
  [[nodiscard]] std::size_t bearable(std::size_t want) const noexcept;

  /// Sends what its `StreamLink` has held. Throws as `post`.
  void flush();

  /// The answer to the oldest request posted. Throws as `ReconnectingConnection::run`, and
  /// `ReplyError` when Redis refuses. After any exception the requests under way are forgotten:
  /// settlements may or may not have been accepted, and what was popped returns to the queue by
  /// itself.
  Answer take();

  /// Requests posted and not taken; at most two are worth it.
  [[nodiscard]] std::size_t outstanding() const noexcept { return requests_.size(); }

  /// Forgets the requests under way and what was popped, as after an exception.
  void forget() noexcept;

  /// Items that were popped and not reported as leased yet.
  [[nodiscard]] std::size_t popped() const noexcept;
  /// True if there are some whose leases were not asked for: the next request does.
  [[nodiscard]] bool has_unasked() const noexcept { return !pops_.empty(); }

  /// Waits up to `longest` (at most a second) for an item to come and pops it; the next request
  /// leases it. False if none came, also when the connection broke. Only with nothing outstanding.
  bool wait_for_item(std::chrono::milliseconds longest);

  /// A wait of any length, which others may end (see queue/waiting.h).
  struct LongWait {
    std::chrono::milliseconds longest;
    /// Asked several times a second. True: the wait is to end.
    std::function<bool()> interrupted;
    std::string waits;  ///< see `waits_of`: of this connection
  };
  /// The same for a long wait.
  bool wait_for_item(const LongWait& wait);

  /// The same for several streams of one server at once, each with a connection of its own: when an
  /// item comes to one of them, Redis ends the waits of the others. Returns for how many items
  /// came, more than one if they came together. Throws as `wait_for_item`; then nothing is known of
  /// any.
  static std::size_t wait_for_any(std::span<LeaseStream* const> streams,
                                  std::chrono::milliseconds longest);

 private:
  // Items popped together, which may be leased within `time_to_lease` of the smallest, and with a
  // request that is sent again until half a lease has passed.
  struct Pop {
    Popped popped;
    TimePoint sent_at;
    std::vector<bool> ours = {};     // for each item: true if leased
    std::vector<bool> refused = {};  // for each item: Redis has no memory for its lease
    bool asked = false;              // for the leases, and no answer came
  };
  // Settlements that are sent as one call.
  struct SettleCall {
    std::size_t first;
    std::size_t count;
    bool answered = false;
  };
  // The unanswered parts. Only these are sent again.
  struct Request {
    std::vector<SettleCall> calls;
    std::uint64_t mark = 0;  // to be written
    std::vector<Pop> pops;   // to be leased
    std::size_t want = 0;    // to be popped
    TimePoint sent_at;
    bool resent = false;
    bool write_at_maxmemory = false;  // the leases were asked for the longer way
    std::vector<bool> too_late;       // for each of `pops`: not leased any more
    Answer answer;                    // what is known by now
  };

  Connection& connection();
  bool begin_wait(std::chrono::milliseconds longest);
  bool end_wait(bool was_long = false);
  void watch_wait(const LongWait& wait);
  void cut_short(const LongWait& wait);
  void end_waits_of(std::span<LeaseStream* const> others);
  void learn_client_id();
  void write(Request& request);
  void write_leases(Request& request, CommandBuffer& out);
  void note_late(const Pop& pop, std::chrono::nanoseconds age);
  void ask_again(Pop pop);
  void read(Request& request);
  [[nodiscard]] bool is_refused(const Reply& reply, Request& request) const;
  void read_settlements(Connection& redis, Request& request);
  void read_leases(Connection& redis, Request& request);
  void read_lease(Connection& redis, Request& request, std::size_t p);
  void note_memory(const Pop& pop, TimePoint asked_at);
  [[nodiscard]] static bool needs_history(const Pop& pop, bool too_late);
  void read_pop(Connection& redis, Request& request);
  template <typename Step>
  bool attempt(Step step);
  void note_all_broken();
  void write_all_again();
  void note_broken();
  void ask_for_less(Request& request);

  const std::unique_ptr<StreamLink> own_;  // of a stream that shares nothing
  StreamLink& shared_;
  ReconnectingConnection& link_;
  const Keys& keys_;
  const std::string session_;
  std::chrono::milliseconds ttl_{std::chrono::seconds{60}};
  RetryPolicy policy_;
  TimePoint (*const now_)();
  const std::string queue_id_;  // for a queue that has none

  std::uint64_t attached_ = 0;      // the generation of the link that was attached
  TimePoint waiting_since_;         // no item had come by then
  std::string client_id_;           // to Redis; only of those that wait together, if it tells
  std::uint64_t client_id_of_ = 0;  // the generation of the link that has it
  std::deque<Request> requests_;
  std::vector<Pop> pops_;       // to be leased by the next request
  unsigned broken_at_one_ = 0;  // in a row, with no more than one item on its way
  CommandBuffer out_;
};

}  // namespace wq::internal
