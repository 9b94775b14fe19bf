#include "support/replicated_redis.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <stdexcept>

#include "base/info.h"
#include "support/eventually.h"
#include "support/free_port.h"
#include "support/redis_client.h"

namespace wq::test {

ReplicatedRedis::ReplicatedRedis(std::size_t replicas, const std::vector<std::string>& config) {
  for (std::size_t i = 0; i <= replicas; ++i) {
    ports_.push_back(free_port());
    std::vector<std::string> lines = {"port " + std::to_string(ports_.back()), "bind 127.0.0.1",
                                      "repl-diskless-sync-delay 0"};
    lines.insert(lines.end(), config.begin(), config.end());
    if (i > 0) lines.push_back("replicaof 127.0.0.1 " + std::to_string(ports_[0]));
    servers_.push_back(std::make_unique<RedisServer>(lines, RedisServer::Reached::by_socket));
    gone_.push_back(false);
  }
  lead_to_primary();
  wait_for_replicas(replicas);
}

RedisServer& ReplicatedRedis::replica(std::size_t i) {
  for (std::size_t at = 0; at < servers_.size(); ++at) {
    if (at == primary_ || gone_[at]) continue;
    if (i == 0) return *servers_[at];
    --i;
  }
  throw std::out_of_range("there is no such replica");
}

RedisOptions ReplicatedRedis::options() const {
  RedisOptions options;
  options.url = url();
  options.log = no_log;
  return options;
}

void ReplicatedRedis::cut_off(RedisServer& replica) {
  replica.freeze();
  // The others come back by themselves.
  RedisClient(primary().options()).call({"CLIENT", "KILL", "TYPE", "replica"});
}

void ReplicatedRedis::fail_over_to(RedisServer& replica, bool others_follow) {
  primary().kill();
  gone_[primary_] = true;
  primary_ = static_cast<std::size_t>(std::distance(
      servers_.begin(), std::find_if(servers_.begin(), servers_.end(),
                                     [&](const auto& each) { return each.get() == &replica; })));
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    if (!gone_[i]) servers_[i]->thaw();
  }
  RedisClient(replica.options()).call({"REPLICAOF", "NO", "ONE"});
  std::size_t others = 0;
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    if (gone_[i] || i == primary_) continue;
    ++others;
    RedisClient(servers_[i]->options())
        .call({"REPLICAOF", "127.0.0.1", std::to_string(ports_[primary_])});
  }
  if (others_follow) wait_for_replicas(others);
  lead_to_primary();
}

void ReplicatedRedis::wait_until_all_have_all() {
  RedisClient client(primary().options());
  // What follows a write of this connection is what can be waited for.
  client.call({"SET", "wq-test:written", "1"});
  client.call({"DEL", "wq-test:written"});
  std::size_t replicas = 0;
  for (std::size_t i = 0; i < servers_.size(); ++i) replicas += i != primary_ && !gone_[i] ? 1 : 0;
  if (client.integer({"WAIT", std::to_string(replicas), "9000"}) <
      static_cast<std::int64_t>(replicas)) {
    throw std::runtime_error("the replicas do not follow: " + primary().log());
  }
}

void ReplicatedRedis::wait_for_replicas(std::size_t n) {
  RedisClient client(primary().options());
  const bool there = eventually([&] {
    internal::Info info;
    internal::read_info(client.text({"INFO", "replication"}).value(), info);
    std::size_t online = 0;
    for (std::size_t i = 0; i < servers_.size(); ++i) {
      const std::string each = internal::info_field(info, "slave" + std::to_string(i));
      if (each.find("state=online") != std::string::npos) ++online;
    }
    return online == n;
  });
  if (!there) throw std::runtime_error("the replicas do not connect: " + primary().log());
}

void ReplicatedRedis::lead_to_primary() {
  const std::string next = address() + "-next";
  std::filesystem::create_symlink(primary().socket_path(), next);
  std::filesystem::rename(next, address());
}

}  // namespace wq::test
