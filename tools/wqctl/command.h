#pragma once

#include <cstddef>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <wq/redis_options.h>

#include "cli/exit_code.h"
#include "cli/options.h"
#include "cli/waiting_line.h"

namespace wq::ctl {

/// One of the things that wqctl does.
struct Command {
  const char* name;
  const char* summary;  ///< one line for the list in `wqctl --help`
  /// Reads its own command line (without "wqctl" and with its name first) and does it.
  cli::ExitCode (*run)(int argc, const char* const* argv);
};

/// All of them. A new one is a file of its own and a row here.
[[nodiscard]] std::span<const Command> commands();

/// Finds the command that the first argument names and runs it. Throws `UsageError`.
[[nodiscard]] cli::ExitCode run_command(int argc, const char* const* argv);

/// What the command line of every command has: QUEUE, where Redis is, the log.
struct Target {
  std::string queue;  ///< or what else comes first, see `MoreArguments`
  RedisOptions redis;
  std::vector<std::string> more;  ///< what stood behind QUEUE
  bool patience_given = false;
  std::shared_ptr<cli::WaitingLine> waiting = std::make_shared<cli::WaitingLine>();
};

/// For a command that only looks, and ends: people run these because something is wrong, so that
/// unless it was told otherwise it waits no longer than 10 s for a Redis that is away.
void only_look(Target& target);

/// What the command line has besides options.
struct MoreArguments {
  const char* names = "";  ///< as the usage shows them: "STATE", "[ITEM...]"
  std::size_t least = 0;
  std::size_t most = 0;
  /// How the usage shows what comes first; in brackets it may be left out, and `Target::queue` is
  /// empty then.
  const char* first = "QUEUE";
  bool first_is_pattern = false;  ///< of queues, so that it need not be a queue's name
};
inline constexpr std::size_t kAnyNumber = std::numeric_limits<std::size_t>::max();

/// Adds these options to those that the command declared, reads the command line and starts the
/// log. Returns false if `--help` or `--version` was asked for and answered. Throws
/// `std::invalid_argument` for what is wrong, the queue's name and the URL included.
[[nodiscard]] bool read_target(cli::Options& options, int argc, const char* const* argv,
                               Target& target, const MoreArguments& more = {});

/// The texts of a command for `cli::Options`; `more` as for `read_target`.
[[nodiscard]] cli::ProgramText command_text(const std::string& name, const std::string& summary,
                                            const std::string& examples,
                                            const MoreArguments& more = {});

/// Declares `--json`. `instead` completes "one JSON object a line instead of ".
void add_json_switch(cli::Options& options, bool& json, const std::string& instead);

}  // namespace wq::ctl
