#include "doctor/examination.h"

#include <algorithm>
#include <string>
#include <utility>

#include <fmt/format.h>

#include <wq/error.h>

namespace wq::internal {

void append(CommandBuffer& out, const Command& command) {
  out.begin(command.size());
  for (const std::string& word : command) out.arg(std::string_view(word));
}

std::optional<Reply> ask(Connection& redis, const Command& command, std::string_view name,
                         ServerFacts& facts) {
  CommandBuffer out;
  append(out, command);
  redis.send(out);
  Reply reply = redis.receive();
  if (!reply.value().is_error()) return reply;
  const std::string said(reply.value().text());
  // A managed server may not know CONFIG or ACL at all.
  if (ReplyError(said).transient()) reply.checked();
  auto& notes = facts.refusals;
  std::string note = fmt::format("{}: {}", name, said);
  if (std::find(notes.begin(), notes.end(), note) == notes.end()) notes.push_back(std::move(note));
  return std::nullopt;
}

std::optional<std::vector<std::string>> refusals(Connection redis,
                                                 const std::vector<Command>& commands,
                                                 ServerFacts& facts) {
  if (!ask(redis, {"MULTI"}, "MULTI", facts)) return std::nullopt;
  CommandBuffer out;
  for (const Command& command : commands) append(out, command);
  redis.send(out);
  std::vector<std::string> said;
  for (std::size_t i = 0; i < commands.size(); ++i) {
    const Reply reply = redis.receive();
    const bool error = reply.value().is_error();
    const bool counts = reply.has_error("NOPERM") || (error && is_unknown(reply.value().text()));
    said.emplace_back(counts ? reply.value().text() : "");
  }
  return said;
}

bool is_unknown(std::string_view said) {
  return said.starts_with("ERR unknown ");  // command, or subcommand
}

bool names_the_command(std::string_view said) {
  return is_unknown(said) || said.find(" to run ") != std::string_view::npos;
}

std::string command_name(const Command& command) {
  std::string name = command.front();
  if (name == "SCRIPT" || name == "CLIENT") name += "|" + command.at(1);
  std::transform(name.begin(), name.end(), name.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return name;
}

}  // namespace wq::internal
