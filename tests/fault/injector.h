#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "fault/tap.h"

namespace wq::fault {

enum class Fault {
  // Of a connection, carried out by the tap.
  cut,
  half_answer,
  silence,
  delay,
  // Of the client at the other end.
  kill,
  terminate,
  suspend,
  // Of Redis.
  redis_kill,
  redis_kill_writing,  ///< while it carries a command out and writes it to its AOF
  redis_freeze,
  redis_pause,
  flush_scripts,
  kill_connections,
  // Of the protocol's helpers.
  second_reclaimer,  ///< the reclaimer's office is vacated under it, so that another is elected
  gc,                ///< wqctl gc beside the elected reclaimer
  // By what the handler does; not injected here, counted with the others.
  handler_kills_itself,
  handler_kills_worker,
  handler_fails,
  handler_outlasts_lease,
  python_kill,
  // Of the AOF, counted by the round.
  torn_by_kill,  ///< a kill of Redis left half a command or half a transaction
  torn_by_hand,  ///< the round has put half a transaction behind what a kill had left whole
};

[[nodiscard]] std::string_view name_of(Fault fault);
[[nodiscard]] std::string_view name_of(Point point);

/// How often which fault was injected at which moment of which command.
class Tally {
 public:
  using Place = std::tuple<Fault, std::string, Point>;

  void add(const Place& place, std::uint64_t n = 1) { counts_[place] += n; }
  void add(const Tally& other);
  [[nodiscard]] std::uint64_t total() const;
  /// Of the moment, whatever the fault was.
  [[nodiscard]] std::uint64_t at(const std::string& command, Point point) const;
  /// The moments at which something was injected.
  [[nodiscard]] std::size_t moments() const;
  [[nodiscard]] const std::map<Place, std::uint64_t>& counts() const noexcept { return counts_; }

 private:
  std::map<Place, std::uint64_t> counts_;
};

/// Decides from a seed when which fault happens. Moments that were seldom hit are preferred, so
/// that rare ones (the reclaimer's, a producer's last call) are not drowned by settlements.
/// Thread-safe.
class Injector {
 public:
  struct Config {
    std::uint64_t seed = 0;
    unsigned faults = 0;                   ///< so many, then none
    std::chrono::milliseconds apart{20};   ///< mean time between two
    std::vector<std::set<Fault>> allowed;  ///< for each client
  };
  /// What somebody else must do while the connection waits.
  struct Order {
    Fault fault;
    std::size_t client;
  };

  explicit Injector(Config config);

  /// For the taps.
  Verdict judge(const Moment& moment);

  /// What is to be done now; `done` lets the connection that waits go on.
  [[nodiscard]] std::optional<Order> next_order();
  void done();

  /// No more faults; no thread waits any more.
  void finish();

  /// What was injected, besides what the handlers did.
  [[nodiscard]] Tally tally() const;

 private:
  using Clock = std::chrono::steady_clock;

  [[nodiscard]] bool chosen(const Moment& moment);
  [[nodiscard]] std::optional<Fault> pick(const Moment& moment);
  Verdict carry_out(Fault fault, const Moment& moment, std::unique_lock<std::mutex>& lock);
  std::chrono::milliseconds pause();

  const Config config_;
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::mt19937_64 random_;
  Tally tally_;
  Clock::time_point next_at_;
  std::optional<Order> order_;
  bool taken_ = false;
  bool finished_ = false;
};

}  // namespace wq::fault
