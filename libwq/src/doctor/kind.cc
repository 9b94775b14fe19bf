#include <array>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/info.h"
#include "base/keys.h"
#include "base/version_number.h"
#include "doctor/checks.h"
#include "queue/server_check.h"
#include "redis/endpoint.h"

namespace wq::internal {
namespace {

constexpr std::array<std::string_view, 8> kSections = {
    "server", "clients", "memory", "persistence", "stats", "replication", "cluster", "sentinel"};
constexpr std::array<std::string_view, 6> kSettings = {
    "active-replica", "aof-load-truncated",         "appendfsync", "maxclients",
    "save",           "stop-writes-on-bgsave-error"};

bool is_this_machine(const std::string& host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

}  // namespace

void read_server(Examination& look) {
  Connection& redis = look.redis;
  ServerFacts& facts = look.facts;
  const Endpoint endpoint = resolve_endpoint(look.login);
  facts.over_network = !endpoint.sentinels.empty() || !endpoint.seeds.empty() ||
                       (!endpoint.host.empty() && !is_this_machine(endpoint.host));
  facts.encrypted = endpoint.tls;
  facts.server = redis.server();
  facts.logs_in = !endpoint.password.empty();
  facts.user = endpoint.user.empty() ? "default" : endpoint.user;
  for (const std::string_view section : kSections) {
    const auto reply = ask(redis, {"INFO", std::string(section)}, "INFO", facts);
    if (!reply) break;
    read_info(reply->value().text(), facts.info);
  }
  for (const std::string_view name : kSettings) {
    const auto reply = ask(redis, {"CONFIG", "GET", std::string(name)}, "CONFIG GET", facts);
    if (!reply) break;
    if (reply->value().size() == 2) facts.config[std::string(name)] = reply->value()[1].text();
  }
  if (const auto reply = ask(redis, {"ACL", "WHOAMI"}, "ACL WHOAMI", facts)) {
    facts.user = reply->value().text();
  }
}

void check_version(Diagnosis& look) {
  const std::string text = look.info("redis_version");
  if (text.empty()) return look.blind("version", "info");
  const auto version = version_number(text);
  if (!version) {
    return look.warn(
        "version", fmt::format("the server calls itself '{}'", text),
        "wq needs the features of Redis 6.2 and cannot tell whether this server has them.",
        "Test it with an unimportant queue.");
  }
  if (is_too_old(*version)) {
    return look.fail("version", fmt::format("Redis {}", text),
                     "wq uses commands that came with Redis 6.2; its programs refuse this server.",
                     "Upgrade to Redis 6.2 or later, or to Valkey.");
  }
  look.pass("version", fmt::format("Redis {}", text));
}

bool check_sentinel(Diagnosis& look) {
  if (server_mode(look.facts.info) != "sentinel") return false;
  const std::string masters = sentinel_masters(look.facts.info);
  look.fail("role", "this is a Sentinel",
            "A Sentinel holds no data; programs that connect to it exit with 2 at once.",
            "Give the URL of the master that it watches" + (masters.empty() ? "." : masters));
  return true;
}

void check_role(Diagnosis& look) {
  const std::string role = look.info("role");
  if (role.empty()) return look.blind("role", "info");
  if (role == "active-replica" || look.setting("active-replica") == "yes") {
    return look.fail(
        "role", "an active replica, as KeyDB has them",
        "Two servers take writes at once and exchange them later: two workers get the "
        "same item, and a lease on one is none on the other.",
        "Use one server without active-replica (active-replica no), or Redis or Valkey "
        "with Sentinel.");
  }
  if (role != "slave") return look.pass("role", "master");
  const std::string master =
      fmt::format("{}:{}", look.info("master_host"), look.info("master_port"));
  if (look.info("cluster_enabled") == "1") {
    return look.pass("role",
                     fmt::format("a replica of a cluster, which names its master, {}", master));
  }
  look.fail("role", fmt::format("a replica of {}", master),
            "A replica takes no writes: workers and producers would wait until their patience "
            "ends.",
            fmt::format("Give the URL of the master, redis://{}", master));
}

void check_cluster(Diagnosis& look) {
  if (look.info("cluster_enabled") != "1") return;
  const std::string& queue = look.facts.queue;
  if (!Keys(queue).has_hash_tag()) {
    return look.fail("cluster", "a Redis Cluster, and the queue's name has no hash tag",
                     "All keys of a queue must be on one node; programs leave at once with 2.",
                     fmt::format("Name the queue '{{{}}}'.", queue));
  }
  if (!look.facts.keys_refused.empty()) {
    return look.fail("cluster",
                     fmt::format("a Redis Cluster that does not serve the queue's keys: {}",
                                 look.facts.keys_refused),
                     "Programs wait until their patience ends.",
                     "CLUSTER INFO and CLUSTER NODES say which nodes or slots are missing.");
  }
  look.pass("cluster", fmt::format("a Redis Cluster; {} has the queue", look.facts.server));
}

}  // namespace wq::internal
