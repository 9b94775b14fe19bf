#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <wq/doctor.h>

#include "base/keys.h"
#include "doctor/needs.h"
#include "redis/connection.h"

namespace wq::internal {

/// The context of the questions to a server, and the facts so far.
struct Examination {
  Connection& redis;
  const RedisOptions& login;  ///< to log in with once more
  const Keys& keys;
  const DoctorOptions& options;
  ServerFacts facts{};
};

/// One command; nothing if it is refused, with a note in `facts.refusals`. Throws `ReplyError` if
/// Redis is not ready.
[[nodiscard]] std::optional<Reply> ask(Connection& redis, const Command& command,
                                       std::string_view name, ServerFacts& facts);
void append(CommandBuffer& out, const Command& command);

/// For each command, the error of Redis if the user may not run it or the server does not know it,
/// else an empty text. No command is executed: within MULTI, Redis checks the rights and queues the
/// command, and closing the connection, which must be new, discards the queue. Redis reports other
/// errors (no memory, a replica) only after the check of the rights. Nothing if MULTI is refused.
[[nodiscard]] std::optional<std::vector<std::string>> refusals(Connection redis,
                                                               const std::vector<Command>& commands,
                                                               ServerFacts& facts);
/// True if the text says that the server does not know the command.
[[nodiscard]] bool is_unknown(std::string_view said);
/// True if a refusal is of the command, not of its key: "... to run the 'get' command" and not "...
/// to access one of the keys ...".
[[nodiscard]] bool names_the_command(std::string_view said);
/// Its name as ACL SETUSER takes it.
[[nodiscard]] std::string command_name(const Command& command);

}  // namespace wq::internal
