#include "queue/server_check.h"

#include <string>

#include <fmt/format.h>

#include <wq/error.h>

#include "queue/operations.h"
#include "redis/command_buffer.h"

namespace wq::internal {
namespace {

bool is_unknown_command(const Reply& reply) {
  return reply.value().is_error() && reply.value().text().starts_with("ERR unknown command");
}

// "redis://10.0.0.1:6379 (shop)" of "name=shop,status=ok,address=10.0.0.1:6379,...". Empty if there
// is no address in it.
std::string sentinel_master(std::string_view said) {
  const auto value_of = [said](std::string_view name) {
    const std::size_t at = said.find(name);
    if (at == std::string_view::npos) return std::string_view{};
    const std::string_view rest = said.substr(at + name.size());
    return rest.substr(0, rest.find(','));
  };
  const std::string_view address = value_of(",address=");
  if (address.empty()) return "";
  return fmt::format("redis://{} ({})", address, value_of("name="));
}

// The error of a script would only be WRONGTYPE.
void check_types(Connection& redis, const Keys& keys) {
  CommandBuffer ask;
  for (std::size_t i = 0; i < kKeyCount; ++i) ask.command({"TYPE", keys[static_cast<Key>(i)]});
  redis.send(ask);
  for (std::size_t i = 0; i < kKeyCount; ++i) {
    const Reply reply = redis.receive();
    if (reply.has_error("NOPERM")) continue;
    if (is_unknown_command(reply)) {
      throw RefusedError(
          fmt::format("{}: this server cannot hold queues; if it is a Sentinel (port 26379), use "
                      "the URL of its master",
                      reply.value().text()));
    }
    const std::string_view type = reply.checked().value().text();
    if (type != "none" && type != kKeyKinds[i].type) {
      throw key_in_the_way(keys[static_cast<Key>(i)], type, kKeyKinds[i].type);
    }
  }
}

Info ask_for_info(Connection& redis) {
  Info info;
  for (const Reply& reply : redis.ask(
           {{"INFO", "server"}, {"INFO", "memory"}, {"INFO", "cluster"}, {"INFO", "sentinel"}})) {
    if (!reply.is_withheld()) read_info(reply.checked().value().text(), info);
  }
  return info;
}

}  // namespace

bool is_too_old(const VersionNumber& version) { return version < VersionNumber{6, 2, 0}; }

std::string sentinel_masters(const Info& info) {
  std::string masters;
  for (int i = 0;; ++i) {
    const std::string master = sentinel_master(info_field(info, fmt::format("master{}", i)));
    if (master.empty()) return masters;
    masters += (masters.empty() ? ": " : ", ") + master;
  }
}

ServerReport check_server(Connection& redis, const Keys& keys) {
  ServerReport report = check_info(ask_for_info(redis), keys);
  if (report.cluster) redis.mark_as_cluster_node();
  check_types(redis, keys);
  return report;
}

ServerReport check_server(Connection& redis) {
  ServerReport report = check_info(ask_for_info(redis), Keys("{any}"));
  if (report.cluster) redis.mark_as_cluster_node();
  return report;
}

ServerReport check_info(const Info& info, const Keys& keys) {
  ServerReport report;
  report.version = info_field(info, "redis_version");
  report.maxmemory_policy = info_field(info, "maxmemory_policy");
  report.cluster = info_field(info, "cluster_enabled") == "1";
  if (server_mode(info) == "sentinel") {
    throw RefusedError(
        "ERR the server is a Sentinel, which holds no data; give the URL of the master that it "
        "watches" +
        sentinel_masters(info));
  }
  const auto version = version_number(report.version);  // else it cannot be judged
  if (version && is_too_old(*version)) {
    throw RefusedError(
        fmt::format("ERR the server is Redis {}; wq needs 6.2 or later", report.version));
  }
  if (info_field(info, "cluster_enabled") == "1" && !keys.has_hash_tag()) {
    throw RefusedError(fmt::format(
        "ERR the server is a node of a Redis Cluster, where all keys of a queue must be on one "
        "node; give the queue's name a hash tag: '{{{}}}'",
        keys.queue()));
  }
  return report;
}

}  // namespace wq::internal
