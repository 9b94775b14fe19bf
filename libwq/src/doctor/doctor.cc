// The checks and their order.
#include <algorithm>
#include <string_view>
#include <utility>

#include <wq/doctor.h>
#include <wq/error.h>

#include "base/info.h"
#include "base/keys.h"
#include "base/name_in.h"
#include "doctor/checks.h"
#include "redis/reconnecting_connection.h"

namespace wq {
namespace {

bool passes(const std::string& refusal) {
  const ReplyError error(refusal);
  return error.transient() && error.code() != "OOM";
}

}  // namespace

ServerFacts examine(const std::string& queue, RedisOptions redis, const DoctorOptions& options,
                    std::stop_token stop) {
  const internal::Keys keys(queue);
  internal::ReconnectingConnection link(std::move(redis), std::move(stop));
  return link.run([&](internal::Connection& connection) {
    internal::Examination look{
        .redis = connection, .login = link.options_here(), .keys = keys, .options = options};
    look.facts.queue = queue;
    internal::read_server(look);
    if (internal::server_mode(look.facts.info) == "sentinel") {
      return std::move(look.facts);
    }
    internal::read_keys(look);
    internal::read_arrival(look);
    internal::read_rights(look);
    internal::read_durable(look);
    internal::read_other_queues(look);
    internal::read_replay(look);
    internal::read_writes(look);
    if (options.wait_for_writes && passes(look.facts.write_refused)) {
      throw ReplyError(look.facts.write_refused);
    }
    internal::read_connection(look);
    return std::move(look.facts);
  });
}

std::vector<Finding> diagnose(const ServerFacts& facts, const DoctorOptions& options) {
  internal::Diagnosis look{.facts = facts, .options = options};
  if (internal::check_sentinel(look)) return std::move(look.findings);
  if (facts.info.empty()) {
    look.blind("server", "info");
  } else {
    internal::check_version(look);
    internal::check_role(look);
    internal::check_cluster(look);
    internal::check_eviction(look);
    internal::check_memory(look);
    internal::check_persistence(look);
    internal::check_replay(look);
    internal::check_torn_aof(look);
    internal::check_replication(look);
    internal::check_durable(look);
    internal::check_clients(look);
  }
  internal::check_latency(look);
  internal::check_clock(look);
  internal::check_connection(look);
  internal::check_keys(look);
  internal::check_arrival(look);
  internal::check_rights(look);
  internal::check_other_queues(look);
  internal::check_writes(look);
  return std::move(look.findings);
}

FindingLevel worst(std::span<const Finding> findings) {
  FindingLevel level = FindingLevel::ok;
  for (const Finding& finding : findings) level = std::max(level, finding.level);
  return level;
}

std::string_view name_of(Role role) {
  return internal::name_in<Role, 4>({"worker", "producer", "viewer", "admin"}, role);
}

}  // namespace wq
