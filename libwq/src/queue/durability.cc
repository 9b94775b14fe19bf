#include "queue/durability.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

#include <fmt/format.h>

#include <wq/clock.h>
#include <wq/error.h>

#include "base/info.h"

namespace wq::internal {
namespace {

using std::chrono::milliseconds;

// Of a wait in Redis, so that a stop request is noticed.
constexpr milliseconds kSlice{1'000};

// With appendfsync no the server never says that something is on disk. Who may not ask finds out.
bool never_syncs(const Reply& setting) {
  const Value value = setting.value();
  return !value.is_error() && value.size() == 2 && value[1].text() == "no";
}

Reply allowed(Reply reply) {
  if (reply.has_error("NOPERM")) {
    throw RefusedError(
        fmt::format("{}; to wait for replicas (--durable) the user needs +info +wait +waitaof",
                    reply.value().text()));
  }
  return reply;
}

unsigned connected_replicas(const Info& info) {
  unsigned online = 0;
  for (unsigned i = 0;; ++i) {
    const std::string replica = info_field(info, fmt::format("slave{}", i));
    if (replica.empty()) return online;
    if (replica.find("state=online") != std::string::npos) ++online;
  }
}

}  // namespace

void Durability::check(Connection& redis) {
  if (!wanted()) return;
  Info info;
  auto [replication, persistence, wait, wait_for_file, sync] =
      redis.ask({{"INFO", "replication"},
                 {"INFO", "persistence"},
                 {"WAIT", "0", "1"},
                 {"WAITAOF", "0", "0", "1"},
                 {"CONFIG", "GET", "appendfsync"}});
  read_info(allowed(std::move(replication)).checked().value().text(), info);
  read_info(allowed(std::move(persistence)).checked().value().text(), info);
  if (info_field(info, "role") != "master") return;
  allowed(std::move(wait)).checked();
  has_file_ = info_field(info, "aof_enabled") == "1";
  waits_for_file_ =
      has_file_ && !never_syncs(sync) && !allowed(std::move(wait_for_file)).value().is_error();
  const unsigned connected = connected_replicas(info);
  if (connected >= replicas_) return;
  throw ReplyError(
      fmt::format("NOREPLICAS {} of the {} replicas that --durable asks for {} connected to it",
                  connected, replicas_, connected == 1 ? "is" : "are"));
}

void Durability::await(Connection& redis, const ReconnectingConnection& link) const {
  if (!wanted()) return;
  const milliseconds longest = link.options().command_timeout;
  const TimePoint end = BootClock::now() + longest;
  while (true) {
    const auto left = std::chrono::ceil<milliseconds>(end - BootClock::now());
    const milliseconds slice = std::clamp(left, milliseconds{1}, kSlice);
    // The answer may take as long as the wait, and after that as long as any other.
    redis.set_timeout(longest + slice);
    const Copies copies = ask(redis, slice);
    redis.set_timeout(longest);
    if (copies.replicas >= replicas_ && (copies.on_disk || !waits_for_file_)) return;
    if (BootClock::now() >= end || link.stop().stop_requested()) {
      throw ReplyError(shortage(redis, copies));
    }
  }
}

Durability::Copies Durability::ask(Connection& redis, milliseconds longest) const {
  const std::string replicas = std::to_string(replicas_);
  const std::string ms = std::to_string(longest.count());
  if (!waits_for_file_) return {redis.call({"WAIT", replicas, ms}).value().integer()};
  const Reply reply = redis.call({"WAITAOF", "1", replicas, ms});
  return {reply.value()[1].integer(), reply.value()[0].integer() > 0};
}

std::string Durability::shortage(Connection& redis, const Copies& copies) const {
  // Of those that keep a file, or of all of them: none is waited for.
  const std::int64_t in_memory =
      waits_for_file_ ? redis.call({"WAIT", "0", "1"}).value().integer() : copies.replicas;
  std::string text =
      fmt::format("NOREPLICAS {} of the {} replicas that --durable asks for {} the last writes{}: ",
                  std::min<std::int64_t>(copies.replicas, replicas_), replicas_,
                  copies.replicas == 1 ? "has" : "have",
                  waits_for_file_ ? fmt::format(" on disk (in memory: {})", in_memory) : "");
  text += "a restart of the primary ";
  if (!has_file_) text += "loses them";
  if (has_file_ && !waits_for_file_) text += "keeps them as far as its appendfsync goes";
  if (waits_for_file_) text += copies.on_disk ? "keeps them" : "may lose them (is appendfsync no?)";
  text += in_memory == 0 ? ", a failover loses them" : ", a failover may lose them";
  if (in_memory >= replicas_)
    text += " (do the replicas have appendonly yes, and no appendfsync no?)";
  return text;
}

}  // namespace wq::internal
