#include <cstdint>

#include <fmt/format.h>

#include "doctor/checks.h"

namespace wq::internal {
namespace {

std::string mebibytes(std::uint64_t bytes) {
  return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1024.0 * 1024.0));
}

double part(std::uint64_t of, std::uint64_t whole) {
  return static_cast<double>(of) / static_cast<double>(whole);
}

}  // namespace

void check_eviction(Diagnosis& look) {
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

void check_memory(Diagnosis& look) {
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

}  // namespace wq::internal
