#include "doctor/needs.h"

#include <algorithm>
#include <array>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string_view>

#include <fmt/format.h>

#include "script/script.h"

namespace wq::internal {
namespace {

struct Sample {
  std::string_view command;
  std::string_view words;  // the arguments; "KEY" is replaced by a key
  bool writes = false;
};

// How each command may look: Redis counts the words before it looks at the rights.
constexpr std::array kSamples = {
    Sample{"BRPOPLPUSH", "KEY KEY 1", true},
    Sample{"DEL", "KEY", true},
    Sample{"EVALSHA", "0 1 KEY"},
    Sample{"EXISTS", "KEY"},
    Sample{"GET", "KEY"},
    Sample{"HDEL", "KEY f", true},
    Sample{"HEXISTS", "KEY f"},
    Sample{"HGET", "KEY f"},
    Sample{"HGETALL", "KEY"},
    Sample{"HINCRBY", "KEY f 1", true},
    Sample{"HLEN", "KEY"},
    Sample{"HMGET", "KEY f"},
    Sample{"HSCAN", "KEY 0"},
    Sample{"HSET", "KEY f v", true},
    Sample{"HSETNX", "KEY f v", true},
    Sample{"INCR", "KEY", true},
    Sample{"INCRBY", "KEY 1", true},
    Sample{"LINDEX", "KEY 0"},
    Sample{"LLEN", "KEY"},
    Sample{"LPOS", "KEY v"},
    Sample{"LPUSH", "KEY v", true},
    Sample{"LPUSHX", "KEY v", true},
    Sample{"LRANGE", "KEY 0 0"},
    Sample{"LREM", "KEY 1 v", true},
    Sample{"LSET", "KEY 0 v", true},
    Sample{"LTRIM", "KEY 0 0", true},
    Sample{"MGET", "KEY"},
    Sample{"PERSIST", "KEY", true},
    Sample{"PFADD", "KEY v", true},
    Sample{"PFCOUNT", "KEY"},
    Sample{"PEXPIRE", "KEY 1", true},
    Sample{"PTTL", "KEY"},
    Sample{"RENAMENX", "KEY KEY", true},
    Sample{"RPOP", "KEY", true},
    Sample{"RPUSH", "KEY v", true},
    Sample{"SADD", "KEY v", true},
    Sample{"SCAN", "0"},
    Sample{"SCARD", "KEY"},
    Sample{"SCRIPT", "LOAD return"},
    Sample{"SET", "KEY v", true},
    Sample{"SMISMEMBER", "KEY v"},
    Sample{"TIME", ""},
    Sample{"TYPE", "KEY"},
    Sample{"UNLINK", "KEY", true},
    Sample{"XADD", "KEY * f v", true},
    Sample{"XLEN", "KEY"},
    Sample{"XRANGE", "KEY - +"},
    Sample{"XTRIM", "KEY MAXLEN 0", true},
    Sample{"ZADD", "KEY 0 v", true},
    Sample{"ZCARD", "KEY"},
    Sample{"ZCOUNT", "KEY 0 0"},
    Sample{"ZRANGE", "KEY 0 0"},
    Sample{"ZRANGEBYSCORE", "KEY 0 0"},
    Sample{"ZRANK", "KEY v"},
    Sample{"ZREM", "KEY v", true},
    Sample{"ZREVRANGE", "KEY 0 0"},
    Sample{"ZSCAN", "KEY 0"},
    Sample{"ZSCORE", "KEY v"},
};

// The commands that a role sends outside scripts.
struct RoleNeeds {
  std::string_view name;  // as the heads of the scripts have it
  std::vector<std::string_view> commands;
  std::vector<Key> keys;  // of these commands
};

const RoleNeeds& needs_of(Role role) {
  static const std::array<RoleNeeds, 4> kNeeds{{
      {"worker",
       {"BRPOPLPUSH", "DEL", "EVALSHA", "HDEL", "HGET", "HGETALL", "HINCRBY", "HMGET", "HSET",
        "LRANGE", "PERSIST", "PEXPIRE", "PTTL", "SCRIPT", "SET", "TIME", "ZRANGE"},
       {}},
      {"producer", {"EVALSHA", "LPUSHX", "RENAMENX", "SCRIPT"}, {}},
      {"viewer",
       {"EVALSHA", "GET", "HGETALL", "HMGET", "HSCAN", "LRANGE", "MGET", "PFCOUNT", "PTTL",
        "SCRIPT", "TIME", "XRANGE", "ZRANGE"},
       {Key::fence, Key::results, Key::workers, Key::totals, Key::distinct}},
      {"admin",
       {"DEL",     "EVALSHA",       "EXISTS", "GET",   "HDEL",   "HGET", "HGETALL",
        "HINCRBY", "HMGET",         "HSCAN",  "LLEN",  "LRANGE", "MGET", "PEXPIRE",
        "PTTL",    "SCAN",          "SCRIPT", "SET",   "TIME",   "XLEN", "XTRIM",
        "ZRANGE",  "ZRANGEBYSCORE", "ZSCAN",  "ZSCORE"},
       {}},
  }};
  return kNeeds.at(static_cast<std::size_t>(role));
}

std::vector<const Script*> scripts_of(const RoleNeeds& role) {
  std::vector<const Script*> scripts;
  for (const Script* script : all_scripts()) {
    if (std::ranges::find(script->roles, role.name) != script->roles.end()) {
      scripts.push_back(script);
    }
  }
  return scripts;
}

// The commands that a role sends and that its scripts call.
void collect_commands(const RoleNeeds& role, std::set<std::string_view>& commands) {
  commands.insert(role.commands.begin(), role.commands.end());
  for (const Script* script : scripts_of(role)) {
    commands.insert(script->commands.begin(), script->commands.end());
  }
}

Command sample_of(std::string_view command, const std::string& key) {
  const auto* const sample =
      std::find_if(kSamples.begin(), kSamples.end(),
                   [&](const Sample& each) { return each.command == command; });
  if (sample == kSamples.end()) {
    throw std::logic_error(fmt::format("kSamples in needs.cc has no line for {}", command));
  }
  Command words{std::string(command)};
  std::istringstream rest{std::string(sample->words)};
  for (std::string word; rest >> word;) words.push_back(word == "KEY" ? key : word);
  return words;
}

}  // namespace

std::vector<Command> commands_needed(Role role, const Keys& keys) {
  std::set<std::string_view> names;
  collect_commands(needs_of(role), names);
  std::vector<Command> commands;
  for (const std::string_view name : names) commands.push_back(sample_of(name, keys.queue()));
  return commands;
}

std::vector<Command> commands_wanted(Role role) {
  if (role == Role::viewer) return {};
  std::vector<Command> commands{{"BGREWRITEAOF"}};  // see queue/torn_aof.h
  if (role == Role::worker) {  // of several queues, which waits for all of them at once
    commands.push_back({"CLIENT", "ID"});
    commands.push_back({"CLIENT", "UNBLOCK", "0"});
  }
  return commands;
}

std::vector<std::string> keys_needed(Role role, const Keys& keys) {
  const RoleNeeds& needs = needs_of(role);
  std::set<Key> which(needs.keys.begin(), needs.keys.end());
  for (const Script* script : scripts_of(needs)) {
    which.insert(script->keys.begin(), script->keys.end());
  }
  std::vector<std::string> names;
  for (const Key key : which) names.push_back(keys[key]);
  if (role != Role::producer) names.push_back(keys.lease_prefix() + "doctor");
  if (role != Role::viewer) names.push_back(keys.replay("doctor"));
  return names;
}

std::vector<Command> commands_replayed(const Keys& keys) {
  std::set<std::string_view> names;
  for (const Role role : {Role::worker, Role::producer, Role::admin}) {
    collect_commands(needs_of(role), names);
  }
  std::vector<Command> commands;
  for (const Sample& sample : kSamples) {
    if (sample.writes && names.contains(sample.command)) {
      commands.push_back(sample_of(sample.command, keys.replay("doctor")));
    }
  }
  return commands;
}

Command touching(const std::string& key) { return sample_of("EVALSHA", key); }

}  // namespace wq::internal
