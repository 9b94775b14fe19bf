// Whether Redis may replay its own append-only file. It does so as the user named default, and
// looks at the rights of that user again before it carries out a transaction (redis/redis#14541):
// without them it drops each one, what scripts wrote included, and starts empty and ready.
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <wq/error.h>

#include "base/info.h"
#include "doctor/checks.h"
#include "redis/endpoint.h"

namespace wq::internal {
namespace {

// Of default, by ACL DRYRUN (Redis 7.0); nothing if that is refused or unknown.
std::optional<std::vector<std::string>> dry_run(Connection& redis,
                                                const std::vector<Command>& commands,
                                                ServerFacts& facts) {
  std::vector<std::string> refused;
  for (const Command& command : commands) {
    Command words{"ACL", "DRYRUN", "default"};
    words.insert(words.end(), command.begin(), command.end());
    const auto reply = ask(redis, words, "ACL DRYRUN", facts);
    if (!reply) return std::nullopt;
    if (reply->value().text() != "OK") refused.push_back(command_name(command));
  }
  return refused;
}

std::vector<std::string> names_of_refused(const std::vector<Command>& commands,
                                          const std::vector<std::string>& said) {
  std::vector<std::string> refused;
  for (std::size_t i = 0; i < said.size(); ++i) {
    if (!said[i].empty() && !is_unknown(said[i])) refused.push_back(command_name(commands[i]));
  }
  return refused;
}

// Of the user that the options log in.
std::optional<std::vector<std::string>> as_user(const RedisOptions& options,
                                                const std::vector<Command>& commands,
                                                ServerFacts& facts) {
  const auto said = refusals(Connection(options), commands, facts);
  if (!said) return std::nullopt;
  return names_of_refused(commands, *said);
}

// Of default, if the server admits clients as default without a password.
std::optional<std::vector<std::string>> without_login(RedisOptions options,
                                                      const std::vector<Command>& commands,
                                                      const Keys& keys) {
  options.url = resolve_endpoint(options).url_without_login();
  options.password.clear();
  options.password_file.clear();
  ServerFacts own;  // refusals of default do not concern the user of the login
  try {
    if (auto refused = as_user(options, commands, own)) return refused;
    // MULTI is refused. This has no effect, since the key does not exist.
    Connection redis(options);
    if (!ask(redis, {"DEL", keys.replay("doctor")}, "DEL", own))
      return std::vector<std::string>{"del"};
  } catch (const Error&) {  // default is off, or needs a password
  }
  return std::nullopt;
}

}  // namespace

void read_replay(Examination& look) {
  ServerFacts& facts = look.facts;
  if (info_field(facts.info, "aof_enabled") != "1") return;
  const std::vector<Command> commands = commands_replayed(look.keys);
  if (facts.user == "default") {
    facts.replay_refused = as_user(look.login, commands, facts);
    return;
  }
  facts.replay_refused = dry_run(look.redis, commands, facts);
  if (!facts.replay_refused) facts.replay_refused = without_login(look.login, commands, look.keys);
}

void check_replay(Diagnosis& look) {
  if (look.info("aof_enabled") != "1") return;
  const auto& refused = look.facts.replay_refused;
  if (!refused) {
    return look.warn(
        "replay",
        "whether a restart can replay the append-only file could not be seen: ACL "
        "DRYRUN is refused",
        "Redis carries it out as the user default, and drops each transaction that "
        "this user may not run: then a restart loses the queue.",
        fmt::format("ACL SETUSER {} +acl|dryrun, or run doctor as another user.", look.facts.user));
  }
  if (refused->empty()) {
    return look.pass("replay",
                     "a restart can replay the append-only file: the user default has the rights");
  }
  look.fail(
      "replay",
      fmt::format("a restart cannot replay the append-only file: the user default may not run {}",
                  fmt::join(*refused, " ")),
      "Redis carries the file out as the user default, and drops each transaction that this "
      "user may not run: a restart loses the queue, and Redis is ready and empty.",
      "ACL SETUSER default off resetpass allkeys allcommands, and in the ACL file: it has the "
      "rights, and nobody can log in as it.");
}

}  // namespace wq::internal
