#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace wq::fault {

/// What a run is made of. The same seed makes the same plan, and the same decisions of the
/// injector; when exactly they fall is up to the machine.
struct Plan {
  /// How a worker handles items.
  enum class Worker {
    processes,    ///< wq-worker, a process per item
    coprocesses,  ///< wq-worker, batches of 8 told to a process that stays
    batches,      ///< a C++ worker with batches of 20
  };

  std::uint64_t seed = 0;
  std::vector<std::string> items;
  std::vector<Worker> workers;
  std::chrono::milliseconds lease{400};
  std::chrono::milliseconds faults_apart{20};
  unsigned faults = 0;
  bool producer_dies = false;  ///< it may be killed; what follows it pushes with *once*
  bool full_redis = false;     ///< maxmemory is reached before the workers begin
  bool python = false;         ///< RedisWQ clients work on the queue as well

  /// What is done about an AOF that a kill of Redis has torn.
  enum class TornAof {
    check,    ///< redis-check-aof --fix before each start
    rewrite,  ///< only the programs of wq have it rewritten
    nothing,  ///< nor may they: the loss that the checks must find
  };
  TornAof torn_aof = TornAof::check;
  bool only_kills_of_redis = false;  ///< while it writes
  /// Faults after which no lease runs out, so that only an item that kills its worker is ever dead.
  bool gentle = false;
  std::uint32_t max_crashes = 1'000;
  bool tears = false;  ///< what a kill leaves whole is torn by hand

  [[nodiscard]] static Plan from_seed(std::uint64_t seed);
  [[nodiscard]] std::string text() const;
};

/// What an item tells its handler to do the first time, by the end of its name.
inline constexpr const char* kKillHandler = ":kill-handler";
inline constexpr const char* kKillWorker = ":kill-worker";
inline constexpr const char* kPoison = ":poison";  ///< kills its worker every time
inline constexpr const char* kFail = ":fail";
inline constexpr const char* kOutlastLease = ":outlast-lease";

}  // namespace wq::fault
