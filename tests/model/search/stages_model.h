#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/search/explorer.h"

/// Queues whose items push items to the next queue, and workers that end when their queue is
/// drained with its stages (settle.lua, counts.lua and libwq/src/queue/stages.cc).
namespace wq::test::search {

struct StageRules {
  bool edge_comes_first = true;   ///< a worker records the stage after its queue before it leases
  bool read_together = true;      ///< broken: a queue is read first, and then the stages before it
  bool one_commit = true;         ///< broken: a follow-up is pushed after the completion
  bool purged_is_drained = true;  ///< broken: a stage that was purged is waited for
  bool begins_somewhere = true;   ///< broken: queues of which none has begun are drained
};

struct StageBounds {
  std::uint8_t items = 1;       ///< in the first queue, up to 3
  bool late_push = false;       ///< the items are pushed while workers wait
  std::uint8_t follow_ups = 2;  ///< that are pushed
  std::uint8_t crashes = 0;     ///< leases that run out
  std::uint8_t purges = 0;      ///< of the first queue, after others have seen it
  /// The second queue feeds the first, and all workers have started before anything is leased, as
  /// docs/programs.md asks for. Else it feeds a third one.
  bool circle = false;
};

inline constexpr std::size_t kStages = 3;

struct StageState {
  struct Queue {
    bool begun = false;
    std::uint8_t ready = 0;
    std::uint8_t leased = 0;
    std::uint8_t unpushed = 0;  // follow-ups of completed items that are still to be pushed
    bool started = false;       // its worker
    bool ended = false;         // its worker has found it drained
    bool found_empty = false;   // its worker has looked at it, and not yet at the stages before
    // The stage before it, if it is recorded, and whether it had begun then.
    bool has_edge = false;
    bool knew_it_begun = false;
  };
  std::array<Queue, kStages> queues;
  std::uint8_t to_come = 0;     // items of the first queue that are still to be pushed
  std::uint8_t follow_ups = 0;  // left, as the others
  std::uint8_t crashes = 0;
  std::uint8_t purges = 0;
  std::string_view violation;  // of the step that led here; not a part of the code
};

/// For `Explorer`.
class StageModel {
 public:
  using Code = std::array<std::uint64_t, 2>;

  StageModel(const StageRules& rules, const StageBounds& bounds) : rules_(rules), bounds_(bounds) {}

  [[nodiscard]] Code first() const;
  template <typename Visit>
  void expand(const Code& code, Visit visit) const {
    for (const Successor& each : successors(code)) visit(encode(each.state), each.state.violation);
  }
  [[nodiscard]] bool is_end(const Code& code) const;
  [[nodiscard]] std::string describe(const Code& from, std::size_t step) const;
  [[nodiscard]] std::string show(const Code& code) const;

 private:
  struct Successor {
    std::string_view text;
    std::size_t queue = 0;
    StageState state;
  };

  static Code encode(const StageState& state);
  static StageState decode(const Code& code);

  [[nodiscard]] std::size_t count() const { return bounds_.circle ? 2 : 3; }
  [[nodiscard]] std::size_t after(std::size_t queue) const { return (queue + 1) % count(); }
  [[nodiscard]] bool feeds(std::size_t queue) const {
    return bounds_.circle || queue + 1 < count();
  }
  [[nodiscard]] std::size_t before(std::size_t queue) const {
    return (queue + count() - 1) % count();
  }

  [[nodiscard]] const std::vector<Successor>& successors(const Code& code) const;
  void begin(const StageState& from) const;
  void start(const StageState& from, std::size_t queue) const;
  void lease(const StageState& from, std::size_t queue) const;
  void settle(const StageState& from, std::size_t queue) const;
  void push_late(const StageState& from, std::size_t queue) const;
  void look(const StageState& from, std::size_t queue) const;
  void purge(const StageState& from) const;
  void push(StageState& state, std::size_t from) const;
  [[nodiscard]] bool is_empty(const StageState& state, std::size_t queue) const;
  [[nodiscard]] bool has_had_items(const StageState& state, std::size_t queue) const;
  [[nodiscard]] bool are_drained_before(const StageState& state, std::size_t queue) const;
  void emit(const StageState& next, std::string_view text, std::size_t queue) const;

  const StageRules rules_;
  const StageBounds bounds_;
  mutable std::vector<Successor> successors_;  // kept for its memory
};

/// Searches all that `bounds` allow. `largest`: states after which it gives up.
[[nodiscard]] Findings search_stages(const StageRules& rules, const StageBounds& bounds,
                                     std::size_t largest);

}  // namespace wq::test::search
