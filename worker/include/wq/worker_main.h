#pragma once

#include <functional>
#include <string>
#include <vector>

#include <wq/export.h>
#include <wq/redis_options.h>
#include <wq/worker.h>

namespace wq {

/// The whole program around a handler:
///
///     int main(int argc, char** argv) {
///       return wq::worker_main(argc, argv, [](const wq::Job& job) {
///         return wq::Outcome::complete(digest_of(job.item));
///       });
///     }
///
/// It reads the command line (`--help` lists all options) and the environment (`--lease` is
/// `$WQ_WORKER_LEASE`), writes a log to standard error, runs a `Worker`, and returns what `main`
/// should return:
///
///   0         the queue is drained
///   1         a program or file error, or the queue's data was lost; or the handler threw
///             `CannotGoOn`
///   2         usage, configuration or rights; or the handler threw `CannotRun`
///   3         drained, but dead letters remain (`--fail-on-dead`); or halted (`--halt`)
///   4         Redis was unreachable for longer than `--redis-patience`
///   5         exited early as configured (`--max-items`, `--max-idle`)
///   6         the queue was never opened within `--wait-open`
///   130, 143  SIGINT, SIGTERM
///
/// A first SIGINT or SIGTERM stops leasing and gives handlers `--grace` to finish; a second one
/// ends that time. Ten seconds later, or at a third signal, the process exits even if a handler
/// does not return; its items return to the queue when their leases expire.
///
/// Call it from `main`, before there is any other thread: SIGINT and SIGTERM are blocked for all
/// threads while it runs (a handler that starts processes must lift that in them), and SIGPIPE is
/// ignored. It throws nothing.
WQ_API int worker_main(int argc, char** argv, Handler handler);

/// The same for a handler that takes several items at once; adds `--batch`, `--max-delay` and
/// `--max-batch-bytes`.
WQ_API int worker_main(int argc, char** argv, BatchHandler handler);

/// An option that only one program has.
struct WorkerOption {
  std::string name{};  ///< "model", or "model,m" for one that is also `-m`
  /// The name of its value in `--help`; empty: a switch. Completions offer files for "FILE".
  std::string argument{};
  std::string help{};
  /// Called with the value (a switch: "true" or "false") if the option, or its variable, was
  /// given. `std::invalid_argument` makes it a usage error, to which the option's name is added.
  std::function<void(const std::string&)> set{};
};

/// The settings of the program, for a handler factory.
struct WorkerContext {
  /// The first, if there are several; empty for a group. `Job::queue` is that of an item.
  std::string queue{};
  std::string session{};  ///< of the worker, see `Worker::session`
  WorkerOptions options{};
  std::vector<std::string> arguments{};  ///< from the command line, besides options
  RedisOptions redis{};                  ///< for a handler that pushes items by itself
};

/// A worker program with its own arguments and options.
struct WorkerProgram {
  std::string summary{};  ///< what it does, for `--help`
  /// How its arguments are shown, such as "DIR". Empty: it takes none. If it begins with "-- ",
  /// they must follow `--`, so that those which begin with a dash are not parsed as options.
  std::string arguments{};
  std::vector<WorkerOption> options{};
  std::string examples{};  ///< the end of `--help`

  /// Called before the worker is made, with what its options say; may change them, and set
  /// `WorkerOptions::prepare` to load a model for each slot. Throws as `make`.
  std::function<void(WorkerOptions&)> adjust{};

  // One of the two is set. It is called once, after all options were read and before Redis is
  // contacted, with SIGINT and SIGTERM blocked already, so it may start threads. A signal that
  // comes while it runs ends the process at once. It throws `std::invalid_argument` for what is
  // wrong with the options or arguments (exit code 2).
  std::function<Handler(const WorkerContext&)> make{};
  std::function<BatchHandler(const WorkerContext&)> make_batch{};
};

WQ_API int worker_main(int argc, char** argv, const WorkerProgram& program);

}  // namespace wq
