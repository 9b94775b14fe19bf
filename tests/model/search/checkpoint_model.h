#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/search/explorer.h"

/// Equal items of a queue, workers that save checkpoints of them, and operators who drop the items
/// and purge the queue (checkpoint.lua, settle.lua, pop.lua, drop.lua, purge.lua and
/// libwq/src/maintenance/lease_renewer.cc). What the larger model checks of leases is left out.
namespace wq::test::search {

struct CheckpointRules {
  // checkpoint.lua
  bool save_needs_the_lease = true;    ///< broken: any lease of the item will do
  bool save_needs_the_queue = true;    ///< broken: also of a queue that was purged
  bool later_number_stays = true;      ///< broken: what arrives last is kept
  bool each_lease_counts_anew = true;  ///< broken: numbers of different leases are compared
  // settle.lua
  bool keep_needs_the_lease = true;  ///< broken: a lost settlement keeps its checkpoint, too
  bool keep_is_the_last = true;      ///< broken: it has a number below all others
  bool completion_removes = true;
  // The worker
  bool newer_one_stays_unsent = true;  ///< broken: an answer is taken for one to the last
  bool settlement_keeps = true;        ///< broken: what no renewal has sent is forgotten
  bool pop_tells = true;               ///< broken: pop does not say that there are checkpoints
  // Operators
  bool drop_removes = true;
  bool drop_spares_a_leased_one = true;  ///< the checkpoint of an equal item
  bool purge_removes = true;
};

struct CheckpointBounds {
  std::uint8_t copies = 1;   ///< of the item, up to 2; pushed again when all are gone
  std::uint8_t workers = 2;  ///< up to 2
  std::uint8_t made = 2;     ///< checkpoints of an attempt, up to 2
  std::uint8_t late = 0;     ///< requests that may be under way on old connections, up to 2
  bool late_leases = false;  ///< the requests for leases may be among them; only of one copy
  bool completes = true;     ///< else workers only fail or release
  bool operators = false;    ///< items are dropped and retried
  bool purges = false;
  /// After a purge the queue is filled while old workers still run, or their leases are there.
  bool refilled_at_once = false;
  /// Leases that are asked for; 0: any number.
  std::uint8_t attempts = 0;
  /// Demanded: each attempt gets the checkpoint. Equal items may begin without.
  bool given = true;
};

inline constexpr std::size_t kCheckpointWorkers = 2;
inline constexpr std::size_t kCheckpointsLate = 2;
/// Of an attempt.
inline constexpr std::uint8_t kCheckpointsMade = 2;

struct CheckpointState {
  /// Of leases, in their order, which is not the order of the pops of equal items; where leases may
  /// be late, in the order of the pops. Numbered anew in every state. 0: none.
  using Fence = std::uint8_t;

  enum class Phase : std::uint8_t { idle, popped, running, unsettled };
  enum class Outcome : std::uint8_t { complete, ready, dead };

  struct Worker {
    Phase phase = Phase::idle;
    Fence fence = 0;
    Outcome outcome = Outcome::complete;  // when unsettled
    bool tried = false;                   // what pop said
    std::uint8_t made = 0;                // the number of its last checkpoint
    bool unsent = false;                  // that one may not be in Redis
    std::uint8_t request = 0;             // the number of the one that is being sent
    bool of_old_item = false;             // all copies went since it popped one
  };
  /// A request on a connection that is broken.
  struct Late {
    enum class Kind : std::uint8_t { none, save, settle, lease };
    Kind kind = Kind::none;
    Fence fence = 0;
    std::uint8_t number = 0;  // of the checkpoint; 0: the settlement has none
    std::uint8_t made = 0;    // settle: the last that there was
    Outcome outcome = Outcome::complete;
    bool of_old_item = false;

    // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 finds a 0 in what the compiler writes
    auto operator<=>(const Late&) const = default;
  };
  /// In `Q:checkpoints`.
  struct Saved {
    Fence fence = 0;
    std::uint8_t number = 0;
    std::uint8_t content = 0;  // how many the attempt had made
  };

  std::array<Worker, kCheckpointWorkers> workers;
  std::array<Late, kCheckpointsLate> late;
  bool exists = true;  // the queue; false from a purge to the next push
  std::uint8_t ready = 0;
  std::uint8_t processing = 0;
  bool dead = false;
  Fence lease = 0;
  bool lease_is_over = false;  // its key is there for the tail
  bool lease_of_old_item = false;
  Saved saved;
  // Only we know the last one that Redis has accepted since an item was completed or dropped.
  Fence accepted_fence = 0;
  std::uint8_t accepted = 0;
  std::uint8_t attempts = 0;   // left, if they are bounded
  std::string_view violation;  // of the step that led here; not a part of the code
};

/// Greater than all in the state.
[[nodiscard]] CheckpointState::Fence next_fence(const CheckpointState& state);

/// For `Explorer`.
class CheckpointModel {
 public:
  using Code = std::array<std::uint64_t, 2>;

  CheckpointModel(const CheckpointRules& rules, const CheckpointBounds& bounds)
      : rules_(rules), bounds_(bounds) {}

  [[nodiscard]] Code first() const;
  template <typename Visit>
  void expand(const Code& code, Visit visit) const {
    for (const Successor& each : successors(code)) visit(encode(each.state), each.state.violation);
  }
  /// Checkpoints hold up nothing.
  [[nodiscard]] static bool is_end(const Code& /*code*/) { return true; }
  [[nodiscard]] std::string describe(const Code& from, std::size_t step) const;
  [[nodiscard]] std::string show(const Code& code) const;

 private:
  using State = CheckpointState;
  struct Successor {
    std::string_view text;
    std::size_t worker = 0;
    State state;
  };

  static Code encode(const State& state);
  static State decode(const Code& code);

  [[nodiscard]] const std::vector<Successor>& successors(const Code& code) const;
  // A worker.
  void pop(const State& from, std::size_t index) const;
  void lease(const State& from, std::size_t index) const;
  void make(const State& from, std::size_t index) const;
  void send(const State& from, std::size_t index) const;
  void settle(const State& from, std::size_t index) const;
  void settle_as(const State& from, std::size_t index, State::Outcome outcome) const;
  void end(const State& from, std::size_t index) const;
  void leave(State next, std::string_view text, std::size_t index) const;
  // The others.
  void late(const State& from) const;
  void time(const State& from) const;
  void reclaimer(const State& from) const;
  void operators(const State& from) const;
  void purge(const State& from) const;
  void push(const State& from) const;
  // The scripts.
  bool set_lease(State& state, State::Fence fence, bool of_old_item) const;
  bool save(State& state, State::Fence fence, std::uint8_t number, bool of_old_item) const;
  bool settle(State& state, const State::Late& request) const;
  void drop(State& state) const;

  void emit(State next, std::string_view text, std::size_t worker = 0) const;

  const CheckpointRules rules_;
  const CheckpointBounds bounds_;
  mutable std::vector<Successor> successors_;  // kept for its memory
};

/// Searches all that `bounds` allow. `largest`: states after which it gives up.
[[nodiscard]] Findings search_checkpoints(const CheckpointRules& rules,
                                          const CheckpointBounds& bounds, std::size_t largest);

}  // namespace wq::test::search
