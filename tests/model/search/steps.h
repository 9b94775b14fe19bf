#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/search/rules.h"
#include "model/search/state.h"

namespace wq::test::search {

/// What leads from one state to the next, for people.
struct Step {
  std::string_view text;  // {s}: the worker's slot, {i}: the item
  std::size_t slot = 0;
  std::size_t item = 0;
};
[[nodiscard]] std::string describe(const Step& step);

struct Successor {
  Step step;
  State state;
};

/// Collects the successors of one state. Each public method adds those of one kind of actor.
class Steps {
 public:
  Steps(const State& from, const Rules& rules, const Bounds& bounds, std::vector<Successor>& out)
      : from_(from), rules_(rules), bounds_(bounds), out_(out) {}

  void all();

 private:
  // A worker, in steps_worker.cc.
  void worker(std::size_t slot);
  void pop(std::size_t slot);
  void ask_for_lease(std::size_t index);
  void ask_again(std::size_t index);
  void confirm(std::size_t index);
  void run(std::size_t index);
  void send_settlement(std::size_t index, Outcome outcome);
  void settle(std::size_t index, Outcome outcome);
  void keep_lease(std::size_t index);
  void late_requests();

  // A worker as a whole, in steps_isolation.cc.
  void mark(std::size_t index);
  void ask_for_mark(std::size_t index);
  void kill(std::size_t index);
  // The slots of the worker that `index` belongs to, as the first and the one behind the last.
  [[nodiscard]] std::pair<std::size_t, std::size_t> slots_of_worker(std::size_t index) const;
  [[nodiscard]] bool is_alone(std::size_t index) const;
  [[nodiscard]] bool holds_nothing_else(std::size_t index) const;
  [[nodiscard]] bool marks_a_lease(std::size_t index) const;

  // Redis, its clock, and everybody else, in steps_redis.cc.
  void time(std::size_t item);
  void reclaimers(std::size_t item);
  void reclaim(std::size_t item);
  void watch(std::size_t item);
  void promote(std::size_t item);
  void accidents(std::size_t item);
  void redis_wq();
  void restart();

  void emit(State next, std::string_view text, std::size_t slot = 0, std::size_t item = 0);

  const State& from_;
  const Rules& rules_;
  const Bounds& bounds_;
  std::vector<Successor>& out_;
};

/// The state before the first step.
[[nodiscard]] State first_state(const Bounds& bounds);

/// What is wrong with the state, or with the step that led to it.
[[nodiscard]] Violation check(const State& state, const Bounds& bounds);

/// Nothing is left to do: what a worker needs to leave with success.
[[nodiscard]] bool is_drained(const State& state);

/// The items on one line.
[[nodiscard]] std::string show(const State& state, const Bounds& bounds);

}  // namespace wq::test::search
