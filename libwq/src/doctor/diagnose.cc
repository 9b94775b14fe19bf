#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "doctor/findings.h"

namespace wq {
namespace internal {
namespace {

constexpr const char* kUnseen = "What is wrong here would go unnoticed.";
constexpr std::uint64_t kConnectionsOfAWorker = 2;
constexpr std::uint64_t kSlowReplicaSeconds = 10;

struct Version {
  int major = 0;
  int minor = 0;
};

std::optional<Version> parse_version(std::string_view text) {
  Version version;
  const char* const end = text.data() + text.size();
  const auto [dot, error] = std::from_chars(text.data(), end, version.major);
  if (error != std::errc{}) return std::nullopt;
  if (dot != end) std::from_chars(dot + 1, end, version.minor);
  return version;
}

std::string mebibytes(std::uint64_t bytes) {
  return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1024.0 * 1024.0));
}

double part(std::uint64_t of, std::uint64_t whole) {
  return static_cast<double>(of) / static_cast<double>(whole);
}

}  // namespace

std::string Look::info(const std::string& field) const {
  const auto found = facts.info.find(field);
  return found == facts.info.end() ? "" : found->second;
}

std::optional<std::uint64_t> Look::number(const std::string& field) const {
  const std::string text = info(field);
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string Look::setting(const std::string& name) const {
  const auto found = facts.config.find(name);
  return found == facts.config.end() ? "" : found->second;
}

void Look::find(FindingLevel level, const char* check, std::string what, std::string why,
                std::string advice) {
  findings.push_back({level, check, std::move(what), std::move(why), std::move(advice)});
}

void Look::blind(const char* check, const char* right) {
  // A server that answers INFO without the field has its own way; that is no right to be given.
  const bool answered = std::string_view(right) == "info" && !facts.info.empty();
  if (answered)
    return warn(check, "could not be seen: INFO does not tell", kUnseen, "Ask whoever runs it.");
  warn(check, fmt::format("could not be seen: {} is refused", right), kUnseen,
       fmt::format("ACL SETUSER {} +{}, or run doctor as another user.", facts.user, right));
}

void check_version(Look& look) {
  const std::string text = look.info("redis_version");
  if (text.empty()) return look.blind("version", "info");
  const auto version = parse_version(text);
  if (!version) {
    return look.warn("version", fmt::format("the server calls itself '{}'", text),
                     "wq needs what Redis 6.2 can do and cannot tell whether this server does.",
                     "Try it on a queue that does not matter.");
  }
  if (version->major < 6 || (version->major == 6 && version->minor < 2)) {
    return look.fail("version", fmt::format("Redis {}", text),
                     "wq uses commands that came with Redis 6.2; its programs refuse this server.",
                     "Upgrade to Redis 6.2 or later, or to Valkey.");
  }
  look.pass("version", fmt::format("Redis {}", text));
}

void check_role(Look& look) {
  if (look.info("redis_mode") == "sentinel") {
    return look.fail("role", "this is a Sentinel", "A Sentinel holds no data.",
                     "Give the URL of the master that it watches.");
  }
  const std::string role = look.info("role");
  if (role.empty()) return look.blind("role", "info");
  if (role == "slave") {
    return look.fail(
        "role",
        fmt::format("a replica of {}:{}", look.info("master_host"), look.info("master_port")),
        "A replica takes no writes: workers and producers would wait until their patience ends.",
        "Give the URL of the master.");
  }
  look.pass("role", "master");
}

void check_cluster(Look& look) {
  if (look.info("cluster_enabled") != "1") return;
  const std::string& queue = look.facts.queue;
  const std::size_t open = queue.find('{');
  const std::size_t close = open == std::string::npos ? open : queue.find('}', open);
  if (close == std::string::npos || close == open + 1) {
    return look.fail("cluster", "a Redis Cluster, and the queue's name has no hash tag",
                     "All keys of a queue must be on one node.",
                     fmt::format("Name the queue '{{{}}}'.", queue));
  }
  if (!look.facts.moved_to.empty()) {
    return look.fail("cluster",
                     fmt::format("the queue's keys are on another node, {}", look.facts.moved_to),
                     "wq talks to the one node that it is given.",
                     fmt::format("Use redis://{}", look.facts.moved_to));
  }
  look.pass("cluster", "a Redis Cluster; the queue's keys are on this node");
}

void check_eviction(Look& look) {
  const std::string policy = look.info("maxmemory_policy");
  const auto limit = look.number("maxmemory");
  if (policy.empty() || !limit) return look.blind("eviction", "info");
  const auto evicted = look.number("evicted_keys").value_or(0);
  const std::string so_far = evicted == 0 ? "" : fmt::format("; {} keys were so far", evicted);
  if (policy == "noeviction") {
    return look.pass("eviction", "noeviction: Redis deletes nothing by itself" + so_far);
  }
  const std::string why =
      policy.starts_with("allkeys")
          ? "When memory runs short, Redis deletes keys of its choice: whole queues are lost."
          : "When memory runs short, Redis deletes keys with an expiry, which leases are: items "
            "run "
            "again while they are worked on.";
  const std::string advice =
      "CONFIG SET maxmemory-policy noeviction, and in redis.conf; a cache belongs on another "
      "Redis.";
  if (*limit == 0) {
    return look.warn("eviction",
                     fmt::format("the policy is {}, without maxmemory{}", policy, so_far),
                     why +
                         " "
                         "Not before somebody sets maxmemory.",
                     advice);
  }
  look.fail("eviction", fmt::format("the policy is {}{}", policy, so_far), why, advice);
}

void check_memory(Look& look) {
  const auto used = look.number("used_memory");
  const auto limit = look.number("maxmemory");
  if (!used || !limit) return look.blind("memory", "info");
  if (*limit > 0) {
    const double full = part(*used, *limit);
    std::string what = fmt::format("{} used of maxmemory {} ({:.0f} %)", mebibytes(*used),
                                   mebibytes(*limit), full * 100);
    if (full < 0.8) return look.pass("memory", std::move(what));
    return look.warn("memory", std::move(what),
                     "A full Redis refuses pushes, which then wait; queues can still be drained.",
                     "Raise maxmemory, drain before you push more, or push references instead of "
                     "contents.");
  }
  const auto machine = look.number("total_system_memory").value_or(0);
  std::string what = fmt::format("{} used, without maxmemory", mebibytes(*used));
  if (machine == 0 || part(*used, machine) < 0.5) return look.pass("memory", std::move(what));
  look.warn(
      "memory", what + fmt::format(", of {} that the machine has", mebibytes(machine)),
      "Redis is ended by the system when the machine's memory runs out; saving may take up to "
      "as much again.",
      "Set maxmemory, with noeviction, to what Redis may use.");
}

void check_replication(Look& look) {
  const auto replicas = look.number("connected_slaves");
  if (look.info("role") != "master" || !replicas) return;
  if (*replicas == 0) {
    return look.pass("replication",
                     "no replicas: if this machine is lost, so is the queue, but for "
                     "what was saved elsewhere");
  }
  std::uint64_t slowest = 0;
  for (std::uint64_t i = 0; i < *replicas; ++i) {
    const std::string line = look.info(fmt::format("slave{}", i));
    const std::size_t at = line.find("lag=");
    if (line.find("state=online") == std::string::npos) {
      look.warn("replication", fmt::format("replica {} is not online: {}", i, line),
                "A failover to it loses what it has not got.", "Look at its log.");
    }
    if (at == std::string::npos) continue;
    std::uint64_t lag = 0;
    std::from_chars(line.data() + at + 4, line.data() + line.size(), lag);
    slowest = std::max(slowest, lag);
  }
  const std::string what =
      fmt::format("{} replicas, the slowest heard of {} s ago", *replicas, slowest);
  const std::string why =
      "Replicas follow with a delay, and wq does not wait for them: a failover loses the last "
      "writes. Items completed in them are done again, items pushed in them are lost.";
  if (slowest >= kSlowReplicaSeconds) {
    return look.warn("replication", what, why, "Look at the network and the load of the replica.");
  }
  look.find(FindingLevel::ok, "replication", what, why, "");
}

void check_clients(Look& look, std::uint64_t workers) {
  const auto now = look.number("connected_clients");
  auto most = look.number("maxclients");
  if (!now || !most) return look.blind("clients", "info");
  const std::uint64_t left = *most - std::min(*now, *most);
  const std::string what = fmt::format("{} connected, maxclients is {}", *now, *most);
  const std::string advice =
      "Raise maxclients and the limit of open files that Redis runs under, or run fewer workers "
      "with more --concurrency each.";
  // One worker is the reclaimer and has one more.
  const std::uint64_t needed = workers == 0 ? 0 : workers * kConnectionsOfAWorker + 1;
  if (needed > left) {
    return look.fail("clients", fmt::format("{}; {} more workers take {}", what, workers, needed),
                     "Workers that find no place wait and, when their patience ends, fail.",
                     advice);
  }
  if (part(*now, std::max<std::uint64_t>(*most, 1)) > 0.9) {
    return look.warn("clients", what, "A worker takes 2 connections; few more can start.", advice);
  }
  look.pass("clients",
            fmt::format("{}; room for {} more workers", what, left / kConnectionsOfAWorker));
}

}  // namespace internal

std::vector<DoctorFinding> diagnose(const ServerFacts& facts, const DoctorOptions& options) {
  internal::Look look{facts, {}};
  if (facts.info.empty()) {
    look.blind("server", "info");
  } else {
    internal::check_version(look);
    internal::check_role(look);
    internal::check_cluster(look);
    internal::check_eviction(look);
    internal::check_memory(look);
    internal::check_persistence(look);
    internal::check_torn_aof(look);
    internal::check_replication(look);
    internal::check_clients(look, options.workers);
  }
  internal::check_latency(look);
  internal::check_clock(look);
  internal::check_connection(look);
  internal::check_keys(look);
  internal::check_rights(look);
  return std::move(look.findings);
}

FindingLevel worst(std::span<const DoctorFinding> findings) {
  FindingLevel level = FindingLevel::ok;
  for (const DoctorFinding& finding : findings) level = std::max(level, finding.level);
  return level;
}

}  // namespace wq
