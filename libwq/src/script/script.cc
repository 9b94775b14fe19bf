#include "script/script.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <vector>

#include <fmt/format.h>

#include <wq/error.h>

namespace wq::internal {
namespace {

/// The command at the script line in an error of Redis, as ACL SETUSER spells it; empty if unknown.
std::string called_at(const Script& script, std::string_view error) {
  constexpr std::string_view kPlace = "@user_script:";
  constexpr std::string_view kCall = "call('";
  const std::size_t place = error.find(kPlace);
  if (place == std::string_view::npos) return "";
  int number = 0;
  const char* const digits = error.data() + place + kPlace.size();
  std::from_chars(digits, error.data() + error.size(), number);
  std::string_view rest = script.text;
  for (int line = 1; line < number && !rest.empty(); ++line) {
    rest.remove_prefix(std::min(rest.size(), rest.find('\n') + 1));
  }
  rest = rest.substr(0, rest.find('\n'));
  const std::size_t call = rest.find(kCall);
  if (call == std::string_view::npos) return "";
  rest.remove_prefix(call + kCall.size());
  std::string name(rest.substr(0, rest.find('\'')));
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return name;
}

// Redis names the right itself only where the command was not called by a script.
[[noreturn]] void refuse(const Script& script, std::string_view error) {
  const std::string name = called_at(script, error);
  if (name.empty()) throw RefusedError(std::string(error));
  throw RefusedError(fmt::format(
      "NOPERM this user may not run '{}', or not on the queue's keys; wqctl doctor lists the "
      "missing rights ({})",
      name, error));
}

// Where SCRIPT LOAD is withheld. Redis keeps the text of an EVAL before it runs it; without keys
// every script ends before it writes.
void load_by_eval(Connection& connection, const Script& script, const Reply& refusal) {
  const auto [answer] = connection.ask({{"EVAL", script.text, "0"}});
  if (answer.has_error("NOPERM") ||
      (answer.value().is_error() && answer.value().text().starts_with("ERR unknown command"))) {
    refusal.checked();
  }
}

}  // namespace

void begin_call(CommandBuffer& out, const Script& script, const Keys& keys, std::size_t more_keys,
                std::size_t arguments) {
  const std::size_t count = script.keys.size() + more_keys;
  out.begin(3 + count + arguments);
  out.arg("EVALSHA");
  out.arg(script.sha1);
  out.arg(count);
  for (const Key key : script.keys) out.arg(keys[key]);
}

Reply run_script(Connection& connection, const Script& script, const CommandBuffer& call) {
  connection.send(call);
  Reply reply = connection.receive();
  if (reply.has_error("NOSCRIPT")) {
    load_scripts(connection, {&script});
    connection.send(call);
    reply = connection.receive();
  }
  if (reply.has_error("NOPERM")) refuse(script, reply.value().text());
  reply.checked();
  return reply;
}

void load_scripts(Connection& connection, std::initializer_list<const Script*> which) {
  CommandBuffer load;
  for (const Script* script : which) load.command({"SCRIPT", "LOAD", script->text});
  connection.send(load);
  std::vector<Reply> replies;
  for (std::size_t i = 0; i < which.size(); ++i) replies.push_back(connection.receive());
  for (std::size_t i = 0; i < which.size(); ++i) {
    if (replies[i].is_withheld()) {
      load_by_eval(connection, *which.begin()[i], replies[i]);
    } else {
      replies[i].checked();
    }
  }
}

}  // namespace wq::internal
