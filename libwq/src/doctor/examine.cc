#include <algorithm>
#include <array>
#include <span>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <wq/clock.h>
#include <wq/doctor.h>
#include <wq/error.h>

#include "base/keys.h"
#include "doctor/needs.h"
#include "doctor/reading.h"
#include "redis/endpoint.h"
#include "redis/reconnecting_connection.h"

namespace wq {
namespace {

using internal::ask;
using internal::CommandBuffer;
using internal::Connection;
using internal::Key;
using internal::Keys;
using internal::Reply;

using std::chrono::duration_cast;
using std::chrono::microseconds;

constexpr std::array<std::string_view, 8> kSections = {
    "server", "clients", "memory", "persistence", "stats", "replication", "cluster", "sentinel"};
constexpr std::array kAllRoles = {Role::worker, Role::producer, Role::viewer, Role::admin};
constexpr std::array<std::string_view, 5> kSettings = {
    "aof-load-truncated", "appendfsync", "maxclients", "save", "stop-writes-on-bgsave-error"};

void read_fields(std::string_view text, std::map<std::string, std::string>& fields) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    const std::size_t colon = line.find(':');
    if (line.starts_with('#') || colon == std::string_view::npos) continue;
    fields[std::string(line.substr(0, colon))] = line.substr(colon + 1);
  }
}

void read_server(Connection& redis, ServerFacts& facts) {
  for (const std::string_view section : kSections) {
    const auto reply = ask(redis, {"INFO", std::string(section)}, "INFO", facts);
    if (!reply) break;
    read_fields(reply->value().text(), facts.info);
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

void read_types(Connection& redis, const Keys& keys, ServerFacts& facts) {
  for (std::size_t i = 0; i < internal::kKeyCount; ++i) {
    const std::string& key = keys[static_cast<Key>(i)];
    const std::string_view needed = internal::kKeyKinds[i].type;
    CommandBuffer out;
    out.command({"TYPE", key});
    redis.send(out);
    const Reply reply = redis.receive();
    if (reply.has_error("NOPERM")) continue;  // the rights tell of it
    if (reply.has_error("CLUSTERDOWN")) {
      facts.keys_refused = reply.value().text();
      return;
    }
    if (reply.has_error("MOVED")) {
      const std::string_view where = reply.value().text();
      facts.moved_to = where.substr(where.rfind(' ') + 1);
      return;
    }
    const std::string type(reply.checked().value().text());
    if (type != "none" && type != needed) {
      facts.in_the_way.push_back({key, type, std::string(needed)});
    }
  }
}

void measure(Connection& redis, unsigned pings, ServerFacts& facts) {
  CommandBuffer ping;
  ping.command({"PING"});
  for (unsigned i = 0; i < pings; ++i) {
    const TimePoint sent_at = BootClock::now();
    redis.send(ping);
    static_cast<void>(redis.receive());
    facts.round_trips.push_back(duration_cast<microseconds>(BootClock::now() - sent_at));
  }
  const auto before = std::chrono::system_clock::now();
  const auto reply = ask(redis, {"TIME"}, "TIME", facts);
  if (!reply) return;
  const auto middle = before + (std::chrono::system_clock::now() - before) / 2;
  facts.clock_ahead =
      duration_cast<microseconds>(middle.time_since_epoch()) - reply->value().time();
}

bool passes(const std::string& refusal) {
  const ReplyError error(refusal);
  return error.transient() && error.code() != "OOM";
}

bool is_this_machine(const std::string& host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

}  // namespace

ServerFacts examine(const std::string& queue, RedisOptions redis, const DoctorOptions& options,
                    std::stop_token stop) {
  const Keys keys(queue);
  const internal::Endpoint endpoint = internal::resolve_endpoint(redis);
  internal::ReconnectingConnection link(std::move(redis), std::move(stop));
  return link.run([&](Connection& connection) {
    ServerFacts facts;
    facts.queue = queue;
    facts.over_network = !endpoint.host.empty() && !is_this_machine(endpoint.host);
    facts.encrypted = endpoint.tls;
    facts.logs_in = !endpoint.password.empty();
    facts.user = endpoint.user.empty() ? "default" : endpoint.user;
    read_server(connection, facts);
    if (internal::info_says(facts, "redis_mode", "sentinel")) return facts;
    read_types(connection, keys, facts);
    internal::read_arrival(connection, keys, facts);
    const std::span<const Role> roles{options.roles};
    for (const Role role : roles.empty() ? std::span<const Role>{kAllRoles} : roles) {
      internal::read_rights(link.options(), role, keys, facts);
    }
    internal::read_replay(connection, link.options(), keys, facts);
    internal::try_write(connection, keys, facts);
    if (options.wait_for_writes && passes(facts.write_refused)) {
      throw ReplyError(facts.write_refused);
    }
    measure(connection, options.pings, facts);
    return facts;
  });
}

std::string_view name_of(Role role) {
  switch (role) {
    case Role::worker:
      return "worker";
    case Role::producer:
      return "producer";
    case Role::viewer:
      return "viewer";
    case Role::admin:
      return "admin";
  }
  return "";
}

}  // namespace wq
