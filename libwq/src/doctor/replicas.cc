#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "doctor/checks.h"

namespace wq::internal {
namespace {

constexpr std::uint64_t kSlowReplicaSeconds = 10;

}  // namespace

void check_replication(Diagnosis& look) {
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
                "A failover to it loses the writes that it has not received.", "Look at its log.");
    }
    if (at == std::string::npos) continue;
    std::uint64_t lag = 0;
    std::from_chars(line.data() + at + 4, line.data() + line.size(), lag);
    slowest = std::max(slowest, lag);
  }
  const std::string what =
      fmt::format("{} replicas, the slowest heard of {} s ago", *replicas, slowest);
  const std::string why =
      "Replicas follow with a delay, and programs wait for them only with --durable (rights: wait "
      "waitaof): else a failover loses the last writes. Items completed in them are done again, "
      "items pushed in them are lost.";
  if (slowest >= kSlowReplicaSeconds) {
    return look.warn("replication", what, why, "Check the network and the load of the replica.");
  }
  look.find(FindingLevel::ok, "replication", what, why, "");
}

}  // namespace wq::internal
