#include <map>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <wq/clock.h>
#include <wq/error.h>
#include <wq/queues.h>

#include "base/keys.h"
#include "queue/operations.h"
#include "queue/server_check.h"
#include "redis/cluster.h"
#include "redis/endpoint.h"
#include "redis/reconnecting_connection.h"
#include "script/script.h"

namespace wq {
namespace {

using internal::CommandBuffer;
using internal::Connection;
using internal::Key;
using internal::Keys;
using internal::ReconnectingConnection;
using internal::Reply;

using Found = std::map<std::string, ListedQueue>;

struct Step {
  std::string cursor;
  std::vector<std::string> keys;
};

// A queue has this key from its beginning until it is purged, and no other queue can have it.
std::string_view suffix() {
  return internal::kKeyKinds[static_cast<std::size_t>(Key::stats)].suffix;
}

Step scan_for_queues(Connection& redis, const std::string& cursor, const std::string& glob) {
  const auto [reply] =
      redis.ask({{"SCAN", cursor, "MATCH", glob, "COUNT", "1000", "TYPE", "hash"}});
  if (reply.has_error("NOPERM")) {
    throw RefusedError(
        "NOPERM this user may not SCAN and cannot list queues; name the queue, or grant the right: "
        "ACL SETUSER NAME +scan");
  }
  const internal::Value answer = reply.checked().value();
  return {.cursor = std::string(answer[0].text()), .keys = answer[1].texts()};
}

// A key with this suffix may belong to another application.
std::vector<Keys> queues_of(const std::vector<std::string>& names, const Found& known) {
  std::vector<Keys> queues;
  for (const std::string& name : names) {
    std::string queue = name.substr(0, name.size() - suffix().size());
    if (known.contains(queue)) continue;  // SCAN may show a key twice
    try {
      queues.emplace_back(std::move(queue));
    } catch (const std::invalid_argument&) {
      continue;
    }
  }
  return queues;
}

// False if Redis does not know the script yet.
bool read_all(Connection& redis, const std::vector<Keys>& queues, Found& found) {
  CommandBuffer calls;
  for (const Keys& keys : queues) internal::append_call(calls, internal::scripts::counts, keys, {});
  redis.send(calls);
  bool known = true;
  for (const Keys& keys : queues) {
    const Reply reply = redis.receive();
    ListedQueue queue{.name = keys.queue(), .counts = {}, .refusal = {}};
    if (reply.has_error("NOSCRIPT")) {
      known = false;
      continue;
    }
    if (redis.moved_to()) {  // it moves to another node of the cluster
      redis.moved_to().reset();
      continue;
    }
    if (reply.value().is_error()) {
      const ReplyError error{std::string(reply.value().text())};
      if (error.transient()) throw error;
      queue.refusal = error.what();
    } else {
      queue.counts = internal::read_counts(reply.value());
      if (queue.counts->id.empty()) continue;  // not a hash of wq
    }
    found.insert_or_assign(queue.name, std::move(queue));
  }
  return known;
}

void read_counts_of(Connection& redis, const std::vector<Keys>& queues, Found& found) {
  if (queues.empty() || read_all(redis, queues, found)) return;
  internal::load_scripts(redis, {&internal::scripts::counts});
  static_cast<void>(read_all(redis, queues, found));
}

// The search on one server.
class Scan {
 public:
  explicit Scan(const QueueSearch& search)
      : glob_(search.pattern + std::string(suffix())), longest_(search.longest) {}

  void run(ReconnectingConnection& link) {
    std::string cursor = "0";
    std::uint64_t begun_on = 0;
    while (BootClock::now() < end_) {
      const Step step = link.run([&](Connection& redis) {
        if (std::exchange(begun_on, link.generation()) != link.generation()) cursor = "0";
        Step next = scan_for_queues(redis, cursor, glob_);
        read_counts_of(redis, queues_of(next.keys, found_), found_);
        return next;
      });
      cursor = step.cursor;
      if (end_ == TimePoint::max() && longest_.count() > 0) end_ = BootClock::now() + longest_;
      if (cursor == "0") return;
    }
    complete_ = false;
  }

  [[nodiscard]] QueueList list() {
    QueueList list{.queues = {}, .complete = complete_};
    for (auto& [name, queue] : found_) list.queues.push_back(std::move(queue));
    return list;
  }

 private:
  const std::string glob_;
  const std::chrono::milliseconds longest_;
  TimePoint end_ = TimePoint::max();
  Found found_;
  bool complete_ = true;
};

}  // namespace

QueueList list_queues(const RedisOptions& redis, const QueueSearch& search, std::stop_token stop) {
  ReconnectingConnection link(redis, stop,
                              [](Connection& fresh) { internal::check_server(fresh); });
  const auto nodes = link.run(&internal::primaries_of_cluster);
  Scan scan(search);
  if (nodes.empty()) scan.run(link);
  for (const internal::HostAndPort& each : nodes) {
    ReconnectingConnection to(internal::on_node(redis, each), stop);
    scan.run(to);
  }
  return scan.list();
}

}  // namespace wq
