#pragma once

#include <chrono>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <wq/redis_options.h>

#include "cli/exit_code.h"
#include "cli/options.h"
#include "cli/process.h"
#include "cli/waiting_line.h"

namespace wq::ctl {

/// One of the things that wqctl does.
struct Command {
  const char* name;
  const char* summary;  ///< one line for the list in `wqctl --help`
  /// Reads its own command line (without "wqctl" and with its name first) and does it. Throws as
  /// `cli::run_main` expects it.
  cli::ExitCode (*run)(cli::Process& process, int argc, const char* const* argv);
};

/// All of them. A new one is a file in commands/ and a row in commands.cc.
[[nodiscard]] std::span<const Command> commands();

/// Finds the command that the first argument names and runs it. Throws `UsageError` for none.
[[nodiscard]] cli::ExitCode run_command(cli::Process& process, int argc, const char* const* argv);

/// The common part of every command line: QUEUE, the address of Redis, the log.
struct Target {
  std::string queue;  ///< or what else comes first
  RedisOptions redis;
  std::vector<std::string> more;  ///< what stood behind QUEUE
  bool json = false;              ///< see `add_json_switch`
  bool patience_given = false;
  std::shared_ptr<cli::WaitingLine> waiting = std::make_shared<cli::WaitingLine>();
};

/// For a command that reads once: users run these when something is wrong, so the default wait for
/// an unreachable Redis is 10 s.
void only_look(Target& target);

/// The queue and the others behind it. Throws `UsageError` if one is named twice.
[[nodiscard]] std::vector<std::string> queues_of(const Target& target);

/// Adds these options to those that the command declared, reads the command line and begins the
/// log. Returns false if `--help` or `--version` was asked for and answered. Throws
/// `std::invalid_argument` for what is wrong: the URL, the arguments that the command's text
/// declares, and the first of them as the name of a queue if it is one.
[[nodiscard]] bool read_target(cli::Process& process, cli::Options& options, int argc,
                               const char* const* argv, Target& target);

/// How queues are listed.
struct ShowQueues {
  std::string pattern = {};             ///< empty: all
  bool names = false;                   ///< bare names, one a line
  std::chrono::milliseconds longest{};  ///< see `wq::QueueSearch`
};

/// Prints the queues there are.
[[nodiscard]] cli::ExitCode show_queues(const Target& target, const ShowQueues& how);

/// The texts of a command for `cli::Options`. `codes`: the exit codes that not every command has.
[[nodiscard]] cli::ProgramText command_text(
    const std::string& name, const std::string& summary, const std::string& examples,
    std::vector<cli::Argument> arguments = {{cli::Value::queue()}},
    std::initializer_list<cli::ExitCode> codes = {});

/// Declares `--json`. `instead` completes "one JSON object a line instead of ".
void add_json_switch(cli::Options& options, Target& target, const std::string& instead);

}  // namespace wq::ctl
