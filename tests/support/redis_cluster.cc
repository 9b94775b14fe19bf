#include "support/redis_cluster.h"

#include <algorithm>
#include <chrono>
#include <stdexcept>

#include "support/eventually.h"
#include "support/free_port.h"

namespace wq::test {
namespace {

constexpr std::size_t kSlots = 16'384;

std::vector<std::string> node_config(int port, int bus_port, const std::vector<std::string>& more) {
  std::vector<std::string> config = {
      "port " + std::to_string(port), "bind 127.0.0.1",
      "cluster-enabled yes",          "cluster-port " + std::to_string(bus_port),
      "cluster-node-timeout 1000",    "cluster-replica-validity-factor 0",
      "repl-diskless-sync-delay 0"};
  config.insert(config.end(), more.begin(), more.end());
  return config;
}

std::size_t first_slot(std::size_t primary, std::size_t primaries) {
  return kSlots * primary / primaries;
}

}  // namespace

ClusterNode::ClusterNode(const std::vector<std::string>& config)
    : port_(free_port()),
      bus_port_(free_port()),
      server_(node_config(port_, bus_port_, config), RedisServer::Reached::by_socket),
      id_(client().text({"CLUSTER", "MYID"}).value()) {}

bool ClusterNode::is_primary() const {
  return client().call({"ROLE"}).value()[0].text() == "master";
}

bool ClusterNode::knows(const std::string& text) const {
  return client().text({"CLUSTER", "INFO"}).value().find(text) != std::string::npos;
}

RedisCluster::RedisCluster(std::size_t primaries, std::size_t replicas,
                           const std::vector<std::string>& config)
    : primaries_(primaries) {
  for (std::size_t i = 0; i < primaries + replicas; ++i) {
    nodes_.push_back(std::make_unique<ClusterNode>(config));
    // Else the nodes have to resolve a conflict of equal epochs first.
    nodes_.back()->client().call({"CLUSTER", "SET-CONFIG-EPOCH", std::to_string(i + 1)});
  }
  for (std::size_t i = 0; i < primaries; ++i) {
    nodes_[i]->client().call({"CLUSTER", "ADDSLOTSRANGE", std::to_string(first_slot(i, primaries)),
                              std::to_string(first_slot(i + 1, primaries) - 1)});
  }
  for (std::size_t i = 1; i < nodes_.size(); ++i) {
    nodes_.front()->client().call({"CLUSTER", "MEET", "127.0.0.1",
                                   std::to_string(nodes_[i]->port()),
                                   std::to_string(nodes_[i]->bus_port())});
  }
  bool ready = eventually([this] { return agrees(); }, std::chrono::seconds{60});
  for (std::size_t i = 0; ready && i < replicas; ++i) {
    replica_of(i).client().call({"CLUSTER", "REPLICATE", nodes_[i]->id()});
    ready = eventually([&] {
      return replica_of(i)
                 .client()
                 .text({"INFO", "replication"})
                 .value()
                 .find("master_link_status:up") != std::string::npos;
    });
  }
  if (!ready) throw std::runtime_error("no cluster: " + nodes_.front()->server().log());
}

bool RedisCluster::agrees() const {
  return std::all_of(nodes_.begin(), nodes_.end(), [this](const auto& node) {
    return node->knows("cluster_state:ok") &&
           node->knows("cluster_known_nodes:" + std::to_string(nodes_.size()));
  });
}

std::string RedisCluster::name_on(std::size_t primary) const {
  RedisClient redis = nodes_.front()->client();
  for (int i = 0;; ++i) {
    std::string name = "{" + std::to_string(i) + "}";
    const auto slot = static_cast<std::size_t>(redis.integer({"CLUSTER", "KEYSLOT", name}));
    if (slot >= first_slot(primary, primaries_) && slot < first_slot(primary + 1, primaries_)) {
      return name;
    }
  }
}

std::string RedisCluster::url(const std::vector<std::size_t>& nodes) const {
  std::string hosts;
  const auto add = [&hosts](const ClusterNode& node) {
    hosts += (hosts.empty() ? "" : ",") + node.address();
  };
  for (const std::size_t i : nodes) add(*nodes_.at(i));
  if (nodes.empty()) {
    for (const auto& node : nodes_) add(*node);
  }
  return "redis+cluster://" + hosts;
}

void RedisCluster::begin_to_move(const std::string& key, std::size_t from, std::size_t to) {
  const std::string slot =
      std::to_string(nodes_.front()->client().integer({"CLUSTER", "KEYSLOT", key}));
  primary(to).client().call({"CLUSTER", "SETSLOT", slot, "IMPORTING", primary(from).id()});
  primary(from).client().call({"CLUSTER", "SETSLOT", slot, "MIGRATING", primary(to).id()});
}

void RedisCluster::end_of_move(const std::string& key, std::size_t from, std::size_t to) {
  RedisClient source = primary(from).client();
  const std::string slot = std::to_string(source.integer({"CLUSTER", "KEYSLOT", key}));
  while (true) {
    const std::vector<std::string> keys = source.list({"CLUSTER", "GETKEYSINSLOT", slot, "100"});
    for (const std::string& each : keys) {
      source.call({"MIGRATE", "127.0.0.1", std::to_string(primary(to).port()), each, "0", "5000"});
    }
    if (keys.empty()) break;
  }
  // The new owner first: from then on it refuses nobody.
  primary(to).client().call({"CLUSTER", "SETSLOT", slot, "NODE", primary(to).id()});
  for (std::size_t i = 0; i < primaries_; ++i) {
    primary(i).client().call({"CLUSTER", "SETSLOT", slot, "NODE", primary(to).id()});
  }
}

}  // namespace wq::test
