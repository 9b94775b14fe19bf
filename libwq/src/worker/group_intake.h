#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <wq/clock.h>
#include <wq/queue.h>
#include <wq/worker.h>

#include "base/keys.h"
#include "maintenance/group_reclaimer.h"
#include "queue/registry.h"
#include "queue/stream_link.h"
#include "redis/reconnecting_connection.h"
#include "worker/intake.h"
#include "worker/sources.h"
#include "worker/wait_notice.h"

namespace wq::internal {

/// All queues whose names match a pattern, in turn; see `QueueGroup`.
///
/// All requests go over one connection. Another one, on which nothing is ever under way, asks how
/// long the queues are, reads their counts and attaches to them. A queue has a place among the
/// sources while it is asked or something of it is held; then the place goes to another queue. So
/// there are as many places as queues have something under way at a time.
class GroupIntake final : public Intake {
 public:
  /// Told which queue has a place from now on, before anything of it is there.
  using OnPlace = std::function<void(QueueIndex place, const std::string& queue)>;

  /// `sources`, which is empty, and what `context` refers to must outlive it.
  GroupIntake(const QueueGroup& group, const SourceContext& context, OnLost on_lost,
              Sources& sources, OnPlace on_place);

  void begin() override;
  [[nodiscard]] bool can_divide(TimePoint /*now*/) override { return true; }
  void divide(std::size_t want, std::size_t ahead, TimePoint now,
              std::vector<std::size_t>& shares) override;
  void hold_requests() override { shared_.hold(); }
  void send_requests() override { shared_.flush(); }
  void not_asked(QueueIndex queue, std::size_t items) override;
  void answered(QueueIndex queue, std::size_t asked, std::size_t popped) override;
  [[nodiscard]] TimePoint asks_again(TimePoint now) const override;
  void note_progress() override { notice_.reset(); }
  void ask_at_once() override {}
  [[nodiscard]] bool may_get_more(QueueIndex queue) override;
  Look look() override;
  [[nodiscard]] bool nothing_has_moved() override;
  [[nodiscard]] std::optional<std::vector<std::string>> mark_look(std::uint64_t mark) override;
  void reconnect() noexcept override;
  void tell_wait(TimePoint now, std::size_t ready_slots) override;
  [[nodiscard]] std::optional<TimePoint> wait_for_item(const ItemWait& wait) override;
  void read_counts_at_end() override;
  void refused(QueueIndex queue, const std::string& why) override;
  void drained() noexcept override;
  [[nodiscard]] std::vector<Counts> counts() const override;
  [[nodiscard]] std::vector<WorkerStats> stats(
      const std::vector<WorkerStats>& handlers) const override;
  void check(Connection& connection, const std::string& tag) const override;
  void read_counts_again() override;
  [[nodiscard]] std::vector<Body> reclaimers() override;

 private:
  // A queue of the group. It stays where it is while anything refers to it.
  struct Member {
    explicit Member(std::string name) : keys(std::move(name)) {}

    Keys keys;
    std::string id;  // that it gets if it has none
    std::int64_t registered_ms = 0;
    bool registered = false;  // when the registry was last read as a whole
    std::size_t ready = 0;    // items, as far as known, that were not asked for
    bool has_turn = false;    // it is in turns_
    bool warned = false;      // that Redis refuses it, since it was last attached to
    bool shows_counts = true;
    TimePoint ask_after;
    std::chrono::milliseconds dry_wait{0};
    std::uint64_t attached = 0;  // the generation of the link after which it was attached
    std::optional<QueueIndex> place;
    Counts counts;  // as they were read last
  };
  using Names = std::shared_ptr<const std::vector<std::string>>;
  using Visit = std::function<bool(Member&)>;

  void check_lease_link(Connection& connection);
  void poll(TimePoint now);
  void read_registry_again(Connection& redis, bool whole);
  bool note_registered(const RegistryLook& look);
  bool forget_members();
  void publish_names();
  void read_ready(Connection& redis);
  void note_ready(Member& member, const Reply& length);
  void refuse(Member& member, std::string_view why);
  void take_turn_later(Member& member);
  void take_turn_next(Member& member);
  using Chosen = std::map<Member*, std::size_t>;
  [[nodiscard]] Chosen choose(std::size_t want, TimePoint now);
  void ask_those_with_maybe_more();
  [[nodiscard]] std::size_t bearable(std::size_t want) const;
  void attach(Chosen& chosen);
  void read_attached(Connection& redis, Member& member);
  QueueIndex give_place(Member& member, const Chosen& chosen);
  [[nodiscard]] std::optional<QueueIndex> idle_place(const Chosen& chosen);
  [[nodiscard]] bool is_open(Member& member);
  void note_counts(Member& member, const Reply& answer);
  bool read_counts_of_all(bool whole, const Visit& visit);
  void forget_what_is_gone(std::span<Member* const> gone, std::int64_t server_ms);
  void publish_counts();

  const std::string pattern_;
  const SourceContext context_;
  const OnLost on_lost_;
  Sources& sources_;
  const OnPlace on_place_;
  std::mt19937_64 ids_;  // of queues that have none; `random_id` takes longer than an item

  ReconnectingConnection lease_link_;
  ReconnectingConnection scout_;  // with nothing under way
  StreamLink shared_;
  bool warned_ = false;  // of a server that evicts

  std::map<std::string, Member, std::less<>> members_;
  std::size_t under_way_ = 0;     // items that were asked for, and no answer came
  bool begun_ = false;            // a queue of the group was seen
  std::deque<Member*> turns_;     // those with items that may be asked, the next one first
  std::size_t turn_ = 1;          // the items of one
  std::size_t left_of_turn_ = 0;  // of the first
  std::set<Member*> maybe_more_;  // that had as many as they were asked for
  std::vector<Member*> places_;   // whose each is
  QueueIndex next_place_ = 0;     // to look at
  std::int64_t registry_ms_ = 0;  // the server's time when the registry was read
  TimePoint whole_registry_at_;   // it is read again as a whole
  TimePoint next_poll_;
  std::chrono::milliseconds poll_pause_{0};
  bool wants_ = false;             // items, when it was last asked
  Member* open_ = nullptr;         // that was found not drained
  std::uint64_t looked_with_ = 0;  // the generation of the scout before the last look
  std::optional<WaitNotice> notice_;
  std::string notice_of_;

  mutable std::mutex mutex_;  // guards what follows
  Names names_;
  Counts sum_;

  TimePoint next_counts_;  // of the keeper's thread
  GroupReclaimer reclaimer_;
};

}  // namespace wq::internal
