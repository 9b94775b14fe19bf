#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <wq/redis_options.h>
#include <wq/worker.h>
#include <wq/worker_main.h>

#include "cli/options.h"
#include "cli/process.h"
#include "metrics/metrics_server.h"

namespace wq::internal {

/// What a worker does when a stage before its queues ends with dead letters.
enum class OnDead {
  go_on,  ///< takes the stage for drained
  wait,   ///< waits until they are retried or dropped
  fail,   ///< takes the stage for drained, and exits with `dead_or_halted` in the end
};

/// The command line of a worker.
struct WorkerCommandLine {
  std::vector<QueueShare> queues;
  std::string laned;  ///< the queue whose lanes they are; empty: they are none
  QueueGroup group;   ///< instead of these; its pattern is empty if they are named
  RedisOptions redis;
  WorkerOptions worker;
  bool fail_on_dead = false;
  OnDead on_dead = OnDead::go_on;
  std::string joblog;                     ///< a file; empty: none
  std::chrono::milliseconds progress{0};  ///< between two lines of it; zero: none
  std::optional<metrics::ListenAddress> metrics_listen;
  std::vector<std::string> arguments;
};

/// A queue as `--queue` names it: QUEUE or QUEUE=WEIGHT. Throws `cli::UsageError` for a wrong
/// weight.
[[nodiscard]] QueueShare parse_queue_share(const std::string& text);
/// "a", "a=6,b=3" or "tenant-*", for people.
[[nodiscard]] std::string queues_text(const WorkerCommandLine& line);

/// The options that all workers have, in the steps in which a program declares its own between
/// them. `line` must outlive it.
class WorkerCommandLineReader {
 public:
  /// `text`: the name, the arguments, and what only this program says of itself in its summary and
  /// its ending. Declares `--queue`, in the group "Work".
  WorkerCommandLineReader(cli::ProgramText text, WorkerCommandLine& line);

  [[nodiscard]] cli::Options& options() noexcept { return options_; }

  /// Declares how many items a call of the handler gets, each of them `only_with` a switch if one
  /// is named.
  void declare_batches(const std::string& only_with = "");

  /// Declares all others, reads the command line and the environment, and begins the log. Returns
  /// false if `--help` or `--version` was asked for and answered. Throws `std::invalid_argument`
  /// for what is wrong.
  [[nodiscard]] bool read(cli::Process& process, int argc, const char* const* argv);

 private:
  void declare_work();
  void declare_retries();
  void declare_end();
  void declare_watching();
  void check_arguments() const;
  void use_lanes();

  WorkerCommandLine& line_;
  cli::LogOptions log_;
  std::vector<std::string> queues_;  // as given
  std::size_t lanes_ = 0;
  bool ignore_dead_ = false;
  cli::Options options_;
};

/// The command line of a program of a user.
[[nodiscard]] bool read_worker_command_line(cli::Process& process, int argc,
                                            const char* const* argv, const WorkerProgram& program,
                                            WorkerCommandLine& line);

}  // namespace wq::internal
