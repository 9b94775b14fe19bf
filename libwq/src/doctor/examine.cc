#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <wq/clock.h>
#include <wq/doctor.h>
#include <wq/error.h>

#include "doctor/needs.h"
#include "pure/keys.h"
#include "redis/endpoint.h"
#include "redis/link.h"

namespace wq {
namespace {

using internal::Command;
using internal::Connection;
using internal::Key;
using internal::Keys;
using internal::Pipeline;
using internal::Reply;

using std::chrono::duration_cast;
using std::chrono::microseconds;

constexpr std::array<std::string_view, 7> kSections = {
    "server", "clients", "memory", "persistence", "stats", "replication", "cluster"};
constexpr std::array<std::string_view, 5> kSettings = {
    "aof-load-truncated", "appendfsync", "maxclients", "save", "stop-writes-on-bgsave-error"};

void append(Pipeline& out, const Command& command) {
  out.begin(command.size());
  for (const std::string& word : command) out.word(std::string_view(word));
}

bool refused(const Reply& reply) { return reply.has_error("NOPERM"); }

constexpr std::string_view kUnknown = "ERR unknown ";  // command, or subcommand

bool unknown(const Reply& reply) {
  return reply.value().is_error() && reply.value().text().starts_with(kUnknown);
}

// One command whose refusal is worth a note; nothing then.
std::optional<Reply> ask(Connection& redis, const Command& command, std::string_view name,
                         ServerFacts& facts) {
  Pipeline out;
  append(out, command);
  redis.send(out);
  Reply reply = redis.receive();
  if (!reply.value().is_error()) return reply;
  const std::string said(reply.value().text());
  // A managed server may not know CONFIG or ACL at all.
  if (ReplyError(said).transient()) reply.checked();
  const auto& notes = facts.refusals;
  std::string note = fmt::format("{}: {}", name, said);
  if (std::find(notes.begin(), notes.end(), note) == notes.end()) {
    facts.refusals.push_back(std::move(note));
  }
  return std::nullopt;
}

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
    Pipeline out;
    out.command({"TYPE", key});
    redis.send(out);
    const Reply reply = redis.receive();
    if (refused(reply)) continue;  // the rights tell of it
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

// What Redis says to each command if it refuses it, without carrying out any: within MULTI it looks
// at the rights and keeps the command for later, and the end of the connection discards it. Other
// errors (no memory, a replica) come behind the look at the rights.
std::optional<std::vector<std::string>> refusals(const RedisOptions& options,
                                                 const std::vector<Command>& commands,
                                                 ServerFacts& facts) {
  Connection redis(options);
  if (!ask(redis, {"MULTI"}, "MULTI", facts)) return std::nullopt;
  Pipeline out;
  for (const Command& command : commands) append(out, command);
  redis.send(out);
  std::vector<std::string> said;
  for (std::size_t i = 0; i < commands.size(); ++i) {
    const Reply reply = redis.receive();
    said.emplace_back(refused(reply) || unknown(reply) ? reply.value().text() : "");
  }
  return said;
}

std::string command_name(const Command& command) {
  std::string name = command.front() == "SCRIPT" ? "script|load" : command.front();
  std::transform(name.begin(), name.end(), name.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return name;
}

MissingRights read_rights(const RedisOptions& redis, Role role, const Keys& keys,
                          ServerFacts& facts) {
  std::vector<Command> commands = internal::commands_needed(role, keys);
  const std::size_t of_needed = commands.size();
  const std::vector<Command> wanted = internal::commands_wanted(role);
  commands.insert(commands.end(), wanted.begin(), wanted.end());
  const std::size_t of_commands = commands.size();
  const std::vector<std::string> names = internal::keys_needed(role, keys);
  for (const std::string& key : names) commands.push_back(internal::touching(key));
  MissingRights missing;
  const auto said = refusals(redis, commands, facts);
  if (!said) {
    missing.unknown = true;
    return missing;
  }
  for (std::size_t i = 0; i < said->size(); ++i) {
    const std::string& text = (*said)[i];
    if (text.empty()) continue;
    // "... to run the 'get' command", or "... to access one of the keys ...".
    const bool the_command = text.find(" to run ") != std::string::npos;
    const bool is_unknown = text.starts_with(kUnknown);
    if (i >= of_commands) {
      if (!the_command && !is_unknown) missing.keys.push_back(names[i - of_commands]);
    } else if (i >= of_needed) {
      missing.optional.push_back(command_name(commands[i]));
    } else if (the_command || is_unknown) {
      (is_unknown ? missing.absent : missing.commands).push_back(command_name(commands[i]));
    }
  }
  return missing;
}

void measure(Connection& redis, unsigned pings, ServerFacts& facts) {
  Pipeline ping;
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
  const microseconds server{reply->value()[0].integer() * 1'000'000 + reply->value()[1].integer()};
  facts.clock_ahead = duration_cast<microseconds>(middle.time_since_epoch()) - server;
}

bool is_this_machine(const std::string& host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

}  // namespace

ServerFacts examine(const std::string& queue, RedisOptions redis, const DoctorOptions& options,
                    std::stop_token stop) {
  const Keys keys(queue);
  const internal::Endpoint endpoint = internal::resolve_endpoint(redis);
  internal::Link link(std::move(redis), std::move(stop));
  return link.run([&](Connection& connection) {
    ServerFacts facts;
    facts.queue = queue;
    facts.over_network = !endpoint.host.empty() && !is_this_machine(endpoint.host);
    facts.encrypted = endpoint.tls;
    facts.logs_in = !endpoint.password.empty();
    facts.user = endpoint.user.empty() ? "default" : endpoint.user;
    read_server(connection, facts);
    read_types(connection, keys, facts);
    for (const Role role : options.roles) {
      facts.rights[role] = read_rights(link.options(), role, keys, facts);
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
