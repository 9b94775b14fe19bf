#include "redis/cluster.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include <fmt/format.h>

#include <wq/error.h>

#include "base/random.h"

namespace wq::internal {
namespace {

constexpr std::chrono::minutes kLearnAgain{1};

// A range of slots: its first and its last, the primary, the replicas. A node is an address, a
// port, and more. The address is missing or empty if the node does not know its own: then it is
// that of the connection.
enum class Nodes { all, primaries };

std::vector<HostAndPort> nodes_of(const Value& ranges, Nodes which, const Connection& asked) {
  std::vector<HostAndPort> nodes;
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    const Value range = ranges[i];
    const std::size_t end =
        which == Nodes::all ? range.size() : std::min<std::size_t>(3, range.size());
    for (std::size_t n = 2; n < end; ++n) {
      const Value host = range[n][0];
      HostAndPort node{host.is_text() ? std::string(host.text()) : "",
                       static_cast<int>(range[n][1].integer())};
      if (node.host.empty() || node.host == "?") node.host = asked.host();
      if (std::find(nodes.begin(), nodes.end(), node) == nodes.end()) nodes.push_back(node);
    }
  }
  return nodes;
}

}  // namespace

// Thousands of workers do not all begin with the same node.
ClusterRoute::ClusterRoute(std::vector<HostAndPort> seeds)
    : nodes_(std::move(seeds)),
      url_is_first_(nodes_.empty()),
      turn_(static_cast<std::size_t>(random_fraction() * static_cast<double>(nodes_.size()))) {}

std::optional<HostAndPort> ClusterRoute::next() const {
  if (home_) return home_;
  const std::size_t place = turn_ % (nodes_.size() + (url_is_first_ ? 1 : 0));
  if (!url_is_first_) return nodes_[place];
  return place == 0 ? std::nullopt : std::optional(nodes_[place - 1]);
}

void ClusterRoute::moved(HostAndPort node) noexcept { home_ = std::move(node); }

void ClusterRoute::failed() noexcept {
  if (home_) {
    home_.reset();
  } else {
    ++turn_;
  }
}

void ClusterRoute::learn(Connection& node) {
  const TimePoint now = BootClock::now();
  if (learned_at_ && now - *learned_at_ < kLearnAgain) return;
  learned_at_ = now;
  const auto [reply] = node.ask({{"CLUSTER", "SLOTS"}});
  if (reply.value().is_error()) return;
  for (HostAndPort& each : nodes_of(reply.value(), Nodes::all, node)) {
    if (std::find(nodes_.begin(), nodes_.end(), each) == nodes_.end()) {
      nodes_.push_back(std::move(each));
    }
  }
}

std::vector<HostAndPort> primaries_of_cluster(Connection& node) {
  const auto [info] = node.ask({{"INFO", "cluster"}});
  const bool says_so = !info.value().is_error() &&
                       info.value().text().find("cluster_enabled:1") != std::string_view::npos;
  if (!says_so && !node.is_cluster_node()) return {};
  // Asked by itself: a user of another server need not have the right, and a refusal is logged.
  const auto [reply] = node.ask({{"CLUSTER", "SLOTS"}});
  if (reply.has_error("NOPERM")) {
    throw RefusedError(
        "NOPERM this user may not ask for the nodes of the cluster; grant the right: ACL SETUSER "
        "NAME +cluster|slots");
  }
  return nodes_of(reply.checked().value(), Nodes::primaries, node);
}

}  // namespace wq::internal
