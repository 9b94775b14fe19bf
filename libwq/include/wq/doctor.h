#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <wq/export.h>
#include <wq/redis_options.h>

namespace wq {

/// A role on a queue; each needs its own rights in Redis.
enum class Role {
  worker,    ///< lease and settle items, reclaim what dead workers left
  producer,  ///< push items
  viewer,    ///< look: counts, items, results, workers, metrics
  admin,     ///< what `Admin` changes: retry, drop, pause, purge; and verify
};

/// The rights of a role that a user lacks.
struct MissingRights {
  std::vector<std::string> commands{};  ///< in lower case: "evalsha", "script|load"
  std::vector<std::string> keys{};      ///< that may not be read and written
  /// Commands that the server does not know (rename-command).
  std::vector<std::string> absent{};
  /// Commands that it does without, at a price that `diagnose` tells, or that only some need.
  std::vector<std::string> optional{};
  /// The key `wq:queues` may not be read and written: the role does without, but workers of groups
  /// of queues do not find the queue.
  bool registry = false;
  /// Could not be found out.
  bool unknown = false;

  [[nodiscard]] bool none() const noexcept {
    return commands.empty() && keys.empty() && absent.empty() && !unknown;
  }
};

/// A key of the queue's name with a type that the queue cannot use.
struct KeyInTheWay {
  std::string key{};
  std::string type{};
  std::string needed{};
};

/// A queue that a worker uses besides its own.
struct OtherQueue {
  std::string queue{};
  bool gets_follow_ups = false;     ///< else it is a stage before the queue
  std::vector<std::string> keys{};  ///< that the user may not read and write
};

/// Facts about a server, from `examine`, for `diagnose`.
struct ServerFacts {
  std::string queue{};
  bool over_network = false;  ///< neither a unix socket nor this machine
  bool encrypted = false;
  bool logs_in = false;  ///< with a password

  std::map<std::string, std::string> info{};    ///< INFO, by field; empty if it is not allowed
  std::map<std::string, std::string> config{};  ///< what CONFIG GET gave, by name
  std::string user{};                           ///< the user of the login
  std::map<Role, MissingRights> rights{};       ///< of the roles that were asked for, else of all
  /// The stages before the queue that are recorded (`Counts::after`), theirs, and the queues that
  /// were asked for. Not those of which the rights could not be seen.
  std::vector<OtherQueue> other_queues{};
  std::vector<KeyInTheWay> in_the_way{};
  /// The server that was examined, such as "10.0.0.2:6379": of a Redis Cluster the node that has
  /// the queue.
  std::string server{};
  /// The error of a cluster that does not serve the queue's keys: "CLUSTERDOWN ...", or "MOVED ..."
  /// if the queue's name has no hash tag and its keys are on several nodes.
  std::string keys_refused{};
  /// What the queue has counted: items that workers took, and those that came back without a lease.
  std::uint64_t leased = 0;
  std::uint64_t returned = 0;
  /// Whether a write was tried, and with what Redis refused it; empty: it did not.
  bool write_tried = false;
  std::string write_refused{};
  /// With an append-only file: the commands in it that Redis may not carry out when it starts,
  /// since the user default may not. Nothing: could not be found out.
  std::optional<std::vector<std::string>> replay_refused{};

  /// With `DoctorOptions::durable`: what the user may not send of INFO, WAIT and WAITAOF, and
  /// whether the server knows the last.
  std::vector<std::string> durable_refused{};
  bool knows_waitaof = false;

  std::vector<std::chrono::microseconds> round_trips{};
  /// The local clock minus the server's, exact to half of the round trip.
  std::optional<std::chrono::microseconds> clock_ahead{};

  /// What was refused, such as "CONFIG GET: NOPERM ...".
  std::vector<std::string> refusals{};
};

struct DoctorOptions {
  /// That the user must have. Empty: at least one of them all.
  std::vector<Role> roles{};
  /// Queues that workers are to have as in `WorkerOptions`: `examine` looks at the rights on their
  /// keys although no worker has recorded them yet.
  std::vector<std::string> after{};
  std::vector<std::string> follow_ups_to{};
  std::uint64_t workers = 0;  ///< to be run in addition to what is connected; zero: not known
  std::uint64_t durable = 0;  ///< of planned workers and producers: replicas that they wait for
  unsigned pings = 50;        ///< measured for the latency
  /// Wait out a Redis that refuses writes for the moment, as workers and producers do, instead of
  /// telling it at once. A full one can be drained and is told.
  bool wait_for_writes = false;
};

/// Reads what there is to know about a server before a queue is trusted to it. Leaves nothing
/// changed: the rights of the user are tried in a transaction that is never executed (MULTI, then
/// the connection is closed); Redis checks it command by command; each refusal leaves an entry in
/// ACL LOG. A user that may write writes one otherwise unused key of the queue and removes it in
/// the same script, which shows whether Redis takes writes; where an append-only file may be torn
/// it only removes it.
///
/// Facts that the user may not read are missing; `refusals` names them. Waits for an unreachable
/// Redis as `Queue` does. Throws `ConnectionError`, `RefusedError` when the login is refused,
/// `std::invalid_argument` for a bad name or URL.
[[nodiscard]] WQ_API ServerFacts examine(const std::string& queue, RedisOptions redis,
                                         const DoctorOptions& options = {},
                                         std::stop_token stop = {});

enum class FindingLevel {
  ok,
  warning,  ///< works, but may hurt one day, or could not be seen
  error,    ///< do not start: items would be lost, or nothing would progress until an operator acts
};

/// One thing that was looked at.
struct Finding {
  FindingLevel level = FindingLevel::ok;
  std::string check{};   ///< for programs; does not change: "eviction"
  std::string what{};    ///< what is the case
  std::string why{};     ///< why it matters; may be empty if all is well
  std::string advice{};  ///< what to do; may be empty if all is well
};

/// Judges what was read. Pure: needs no server. One finding or more for each of: version, role,
/// cluster, eviction, memory, persistence, replay, torn-aof, replication, clients, latency, clock,
/// connection, keys, arrival, rights, writes, as far as they apply; if INFO is refused, one named
/// server in place of those that come from it; of a Sentinel, role alone.
[[nodiscard]] WQ_API std::vector<Finding> diagnose(const ServerFacts& facts,
                                                   const DoctorOptions& options = {});

/// The worst of them.
[[nodiscard]] WQ_API FindingLevel worst(std::span<const Finding> findings);

/// "worker", "producer", "viewer", "admin".
[[nodiscard]] WQ_API std::string_view name_of(Role role);

}  // namespace wq
