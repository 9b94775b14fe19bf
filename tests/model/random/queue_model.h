#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <wq/lease.h>
#include <wq/queue.h>

#include "base/keys.h"
#include "model/random/frozen_redis.h"
#include "queue/operations.h"

namespace wq::test::random {

inline constexpr std::int64_t kTailMs = internal::kLeaseTail.count();
inline constexpr std::int64_t kLongestKeyMs =
    (internal::kLongestLease + internal::kLeaseTail).count();
inline constexpr std::int64_t kDayMs = std::chrono::milliseconds(std::chrono::hours{24}).count();

/// What docs/protocol.md says of a queue, in memory: each operation with its answer, and all that
/// Redis must hold afterwards. `now_us` is the server's clock. Not written from the scripts.
class QueueModel {
 public:
  explicit QueueModel(const internal::Keys& keys) : keys_(keys) {}
  std::int64_t now_us = 0;
  [[nodiscard]] std::int64_t now_ms() const { return now_us / 1'000; }

  // -- Workers

  /// The fence; "none" if the queue never gave one out.
  std::string attach();

  struct Popped {
    std::int64_t pushed = 0;
    std::vector<std::string> items;
    std::uint64_t last_fence = 0;
    bool has_history = false;
  };
  Popped pop(std::size_t n, std::string_view queue_id);
  /// What RPOPLPUSH does; nothing if nothing is ready.
  std::optional<std::string> move_one();
  /// After a long wait with the item. Nothing if it is not claimed.
  std::optional<Popped> claim(std::string_view queue_id, const std::optional<std::string>& item);
  /// True for OK.
  bool set_lease(std::string_view item, std::string_view holder, std::chrono::milliseconds ttl);
  /// Failures and crashes.
  [[nodiscard]] std::pair<std::uint32_t, std::uint32_t> history(std::string_view item) const;
  /// True for those that were renewed.
  std::vector<bool> renew(std::span<const Lease> leases, std::string_view session,
                          std::chrono::milliseconds ttl);

  struct Checkpoint {
    Lease lease;
    std::uint64_t number = 0;
    std::string text;
  };
  /// True for those that were renewed.
  std::vector<bool> checkpoint(std::span<const Checkpoint> checkpoints, std::string_view session,
                               std::chrono::milliseconds ttl);
  /// The text that is kept of an item, empty if there is none.
  [[nodiscard]] std::string checkpoint_of(std::string_view item) const;

  /// True if the lease has the mark of an item that is alone with its worker.
  bool isolate(const Lease& mine, std::string_view session);

  /// One settlement and, as jitter decides them, the delay of what waits.
  struct Settled {
    const Settlement* settlement = nullptr;
    std::chrono::milliseconds delay{0};
  };
  /// True for those that were accepted. Where several ways are right (how `processing` is ordered
  /// afterwards, and the order among the items of one call), `adopt` must be told what Redis chose.
  std::vector<bool> settle(std::span<const Settled> settlements, std::string_view session,
                           const RetryPolicy& policy);

  /// What may stand in another order than here. `adopt` throws `std::runtime_error` if it is more
  /// than the order in which Redis differs, or if the order is none that is right.
  struct Unsure {
    bool processing = false;  // items may have been moved when others were taken from among them
    bool ready = false;
    bool results = false;
    std::size_t added_left = 0;  // to ready, by one call
    std::size_t added_right = 0;
    std::size_t added_results = 0;
  };
  [[nodiscard]] const Unsure& unsure() const { return unsure_; }
  void adopt_processing(std::vector<std::string> items);
  void adopt_ready(std::vector<std::string> items);
  struct Entry {
    std::string item;
    std::string field;
    std::string result;
    // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 finds a 0 in what the compiler writes
    auto operator<=>(const Entry&) const = default;
  };
  void adopt_results(std::vector<Entry> last);

  // -- Reclaimers

  struct Reclaimed {
    std::int64_t back = 0;
    std::int64_t died = 0;
    std::vector<std::size_t> foreign;  // positions, from 0
  };
  /// Without a budget, with that of the workers.
  Reclaimed reclaim(std::span<const std::string> items, std::int64_t tail_ms,
                    std::int64_t longest_ms, std::optional<std::uint32_t> budget);
  std::int64_t requeue(std::span<const std::string> items);
  struct Promoted {
    std::int64_t moved = 0;
    std::int64_t next_ms = -1;
  };
  Promoted promote(std::size_t at_most, std::int64_t longest_ms);
  struct Swept {
    std::int64_t dropped = 0;
    std::vector<std::string> expired;  // session, expiry, ...
    std::vector<std::string> held;     // the others, likewise
    std::vector<std::string> silent;
  };
  Swept sweep(std::span<const std::string> drop, std::int64_t longest_ms, std::int64_t silence_ms);

  // -- Producers

  std::string open(const std::string& session, std::int64_t hold_ms, bool unless_drained,
                   const std::optional<std::string>& who);
  struct Push {
    std::string session;
    std::int64_t number = 1;
    std::int64_t after = 0;
    std::int64_t answered = 0;
    std::int64_t hold_ms = 0;
    std::string queue_id;
    struct Item {
      std::string item;
      std::optional<std::string> once_key{};
      std::int64_t delay_ms = 0;
    };
    std::vector<Item> items;
    bool again = false;
  };
  std::string push(const Push& push);
  std::string touch(const std::string& session, std::int64_t hold_ms, std::int64_t answered);
  /// The number of the last push and the items that all have added, or a word.
  [[nodiscard]] std::string replayed(const std::string& session) const;
  std::int64_t lose(const std::string& id, std::int64_t pushed, std::int64_t lost);
  std::int64_t forget_lost(std::int64_t most);
  /// `seen_until_ms`: nothing for any.
  std::int64_t close(const std::string& session, std::optional<std::int64_t> seen_until_ms);
  void forget_session(const std::string& session) { replay_.erase(session); }
  [[nodiscard]] std::optional<std::int64_t> hold_length_ms(const std::string& session) const;

  // -- Others

  [[nodiscard]] Counts counts() const;
  [[nodiscard]] bool is_drained() const;
  bool pause(bool paused) { return std::exchange(paused_, paused) != paused; }
  void push_past_us(const std::string& item, bool on_the_left);
  void remove_from_processing(const std::string& item);  ///< LREM 0
  void drop_processing();
  void drop_lease(std::string_view item);
  void set_foreign_lease(std::string_view item, std::string_view holder, std::int64_t ttl_ms);
  /// Nothing: the lease never expires.
  void set_expiry(std::string_view item, std::optional<std::int64_t> ttl_ms);
  void trim_results();
  void set_worker(const std::string& session, const std::string& entry);
  [[nodiscard]] const std::map<std::string, std::string>& workers() const { return workers_; }
  void remove_worker(const std::string& session) { workers_.erase(session); }
  void count_foreign(std::int64_t n) { stats_["foreign"] += n; }
  void set_terms(std::int64_t lease_ms, std::int64_t max_crashes);
  /// What the workers have said, if they have.
  [[nodiscard]] std::optional<std::int64_t> term(const std::string& name) const;

  /// The registry of the database: the time in ms, by name.
  using Registry = std::map<std::string, std::int64_t>;
  [[nodiscard]] const Registry& registry() const { return registry_; }
  std::int64_t register_queue(const std::string& name) { return registry_[name] = now_ms(); }
  /// How many were there with this time, and are no more.
  std::int64_t forget_queues(const std::vector<Registry::value_type>& seen);

  /// The name of the queue that some follow-ups go to.
  static constexpr const char* kOther = "other";

  // -- A look

  /// ms, or -1 for never; nothing if there is none.
  [[nodiscard]] std::optional<std::int64_t> lease_left_ms(std::string_view item) const;
  [[nodiscard]] const std::deque<std::string>& ready() const { return ready_; }
  [[nodiscard]] const std::deque<std::string>& processing() const { return processing_; }
  [[nodiscard]] bool is_empty() const;
  [[nodiscard]] bool begun() const { return !id_.empty(); }
  /// When something is due, ends or expires.
  [[nodiscard]] std::vector<std::int64_t> moments_ms() const;
  [[nodiscard]] Contents contents() const;
  /// Throws `std::logic_error` unless everything that was pushed is somewhere.
  void check_conservation() const;
  /// Keys that may have expired without anybody having looked.
  [[nodiscard]] std::vector<std::string> mortal_keys() const;
  void forget_expired();

 private:
  friend class OperatorModel;
  struct LeaseKey {
    std::string holder;
    std::int64_t expires_ms = -1;
  };
  struct Replay {
    std::optional<std::int64_t> floor;
    std::optional<std::int64_t> hold_ms;
    std::optional<std::string> who;
    std::map<std::int64_t, std::int64_t> answers;
    std::optional<std::int64_t> added;
    bool purged = false;
    std::int64_t expires_ms = -1;
  };
  struct StoredResult {
    std::int64_t ms = 0;  ///< the first part of its id
    std::int64_t number = 0;
    Entry entry;
  };
  using Set = std::map<std::string, std::int64_t>;

  [[nodiscard]] bool is_past(std::int64_t expires_ms) const;
  [[nodiscard]] const LeaseKey* lease_of(std::string_view hash) const;
  [[nodiscard]] const LeaseKey* lease(std::string_view item) const;
  [[nodiscard]] const Replay* replay(const std::string& session) const;
  [[nodiscard]] bool has_history() const {
    return !attempts_.empty() || !crashes_.empty() || !checkpoints_.empty();
  }
  std::uint64_t draw_fences(std::size_t n);
  bool charge(const std::string& hash, std::int64_t budget, bool alone);
  bool remove_rightmost(const std::string& item);
  void add_to_set(Set& set, const std::string& item, std::int64_t score);
  void apply(const Settled& settled, const RetryPolicy& policy);
  void record(std::span<const Settled> settlements, const std::vector<bool>& accepted,
              const RetryPolicy& policy);
  void complete(const Settlement& settlement, std::chrono::milliseconds results_ttl);
  void follow_up(const FollowUp& next);
  [[nodiscard]] Contents other_contents() const;
  void add_total(const Total& total);
  void add_whole(const std::string& field, std::int64_t number);
  void note_failure(const std::string& hash, std::string_view json_without_brace);
  void add_result(Entry entry, std::chrono::milliseconds ttl);
  void forget_expired_results();
  [[nodiscard]] std::string history_text() const;
  void show_sign_of_life(const std::string& session, std::int64_t hold_ms);

  const internal::Keys& keys_;
  std::deque<std::string> ready_;       // front: left
  std::deque<std::string> processing_;  // front: left
  Set delayed_;
  Set dead_;
  std::map<std::string, std::int64_t> attempts_;
  std::map<std::string, std::int64_t> crashes_;
  std::map<std::string, std::string> failures_;
  std::vector<StoredResult> results_;
  std::int64_t last_result_ms_ = 0;
  std::int64_t last_result_number_ = 0;
  std::int64_t results_expire_ms_ = -1;
  std::map<std::int64_t, std::vector<std::string>> history_;  // by how many tries there were
  std::string id_;
  std::map<std::string, std::int64_t> stats_;
  std::optional<std::uint64_t> fence_;
  Set producers_;
  Set replays_;
  std::map<std::string, Replay> replay_;
  Registry registry_;
  std::map<std::string, std::string> workers_;
  bool paused_ = false;
  std::set<std::string> seen_;
  std::map<std::string, std::string> totals_;
  std::set<std::string> distinct_;
  struct Kept {
    std::uint64_t fence = 0;
    std::uint64_t number = 0;
    std::string text;
    [[nodiscard]] std::string stored() const;
  };
  std::map<std::string, Kept, std::less<>> checkpoints_;  // by hash
  std::map<std::string, LeaseKey, std::less<>> leases_;   // by hash
  // The queue that some follow-ups go to; nobody works on it.
  struct Other {
    std::deque<std::string> ready;
    Set delayed;
    std::set<std::string> seen;
    std::string id;
    std::map<std::string, std::int64_t> stats;
    std::map<std::string, std::string> comes_after;
  };
  Other other_;
  std::int64_t foreign_pushes_ = 0;
  std::int64_t settled_elsewhere_ = 0;
  Unsure unsure_;
};

}  // namespace wq::test::random
