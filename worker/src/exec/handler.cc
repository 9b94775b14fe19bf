#include "exec/handler.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "cli/output.h"
#include "command/child_environment.h"
#include "command/child_failure.h"
#include "exec/follow_ups_file.h"
#include "process/spawn.h"
#include "queue/limits.h"

namespace wq::internal {
namespace {

constexpr int kReleaseCode = 99;

/// The longest argument or "NAME=value", its final zero byte included (MAX_ARG_STRLEN).
std::size_t max_string_bytes() {
  static const auto bytes = static_cast<std::size_t>(32 * ::sysconf(_SC_PAGESIZE));
  return bytes;
}

bool has_zero_byte(std::string_view item) { return item.find('\0') != std::string_view::npos; }

Outcome unpassable(std::string message) {
  Failure failure;
  failure.kind = FailureKind::unpassable;
  failure.message = std::move(message);
  return Outcome::fatal(std::move(failure));
}

}  // namespace

ExecHandler::ExecHandler(CommandOptions options, OrphanReaper& reaper)
    : options_(std::move(options)),
      command_(options_.command, options_.marker),
      reaper_(reaper),
      memory_guard_(options_.memory_limit_bytes) {
  for (const int code : options_.fatal_exit_codes) {
    if (code < 1 || code > 255 || code == kReleaseCode) {
      throw std::invalid_argument("fatal exit code " + std::to_string(code) +
                                  ": must be from 1 to 255 and not 99, which releases the item");
    }
  }
  if (!command_.item_chooses_program()) paths_ = executable_paths(command_.program());
  if (options_.checkpoints || options_.follow_ups) exchange_.emplace();
  hint_is_due_ = !command_.takes_item() && !command_.marker().empty();
  shared_environment_ = child_environment(options_);
  memory_guard_.start();
}

Outcome ExecHandler::operator()(const Job& job) const {
  if (job.stop.stop_requested()) return Outcome::release();

  ChildSpec spec;
  if (command_.takes_item()) {
    if (has_zero_byte(job.item)) {
      return unpassable("the item contains a NUL byte and cannot be an argument; without " +
                        command_.marker() + ", the command reads the item from stdin");
    }
    // Looked at before the words are made, since it may be huge.
    if (job.item.size() < max_string_bytes())
      spec.arguments =
          command_.fill({.item = job.item, .sequence = job.lease.fence, .slot = job.slot});
    if (spec.arguments.empty() ||
        std::any_of(spec.arguments.begin(), spec.arguments.end(),
                    [](const std::string& word) { return word.size() >= max_string_bytes(); })) {
      return not_executed(spec, E2BIG);
    }
  } else {
    spec.arguments = command_.fill({.item = {}, .sequence = job.lease.fence, .slot = job.slot});
    spec.input = job.item;
  }
  spec.paths = command_.item_chooses_program() ? executable_paths(spec.arguments.front()) : paths_;
  spec.shared_environment = shared_environment_;
  spec.environment = environment(job);
  if (options_.results || options_.reduce) spec.stdout_limit_bytes = options_.results_max_bytes;
  spec.stdout_as_stderr = options_.stdout_as_stderr;
  spec.origin = {.stderr_mode = options_.stderr_mode,
                 .stdout_at_once = options_.stdout_at_once,
                 .tag = options_.tag,
                 .slot = job.slot,
                 .item = job.item};
  spec.kill_delay = options_.kill_delay;
  spec.memory_guard = &memory_guard_;

  try {
    // One for each attempt: a process that an attempt has left behind may still write. In front of
    // the environment, since its last variable may be taken away.
    const std::string attempt = std::to_string(attempts_++);
    std::optional<CheckpointFile> checkpoint;
    if (options_.checkpoints) {
      checkpoint.emplace(exchange_->path() / ("checkpoint-" + attempt), job.lease.checkpoint,
                         job.checkpoint, options_.log);
      spec.environment.insert(spec.environment.begin(),
                              "WQ_CHECKPOINT_FILE=" + checkpoint->path().string());
      spec.look = [&checkpoint] { checkpoint->look(); };
    }
    std::optional<ExchangedFile> follow_ups;
    if (options_.follow_ups) {
      follow_ups.emplace(exchange_->path() / ("follow-ups-" + attempt));
      spec.environment.insert(spec.environment.begin(),
                              "WQ_FOLLOWUPS_FILE=" + follow_ups->path().string());
    }
    ChildResult result = run_child(spec, reaper_, job.stop);
    if (result.exec_error == E2BIG && spec.environment.back().starts_with("WQ_ITEM=")) {
      spec.environment.pop_back();  // all arguments and variables together are too long
      result = run_child(spec, reaper_, job.stop);
    }
    if (result.exec_error != 0) return not_executed(spec, result.exec_error);
    if (result.stdout_error != 0) throw CannotGoOn(cli::output_error_text(result.stdout_error));
    if (checkpoint) checkpoint->look();
    Usage usage;
    usage.cpu_time = std::chrono::floor<std::chrono::milliseconds>(result.used.cpu_time);
    usage.max_rss_bytes = known_rss(result.used.max_rss_bytes);
    if (options_.records_stderr) usage.stderr_tail = result.stderr_tail;
    Outcome outcome = this->outcome(std::move(result));
    if (follow_ups) add_follow_ups(*follow_ups, outcome);
    outcome.usage = std::move(usage);
    hint_at_stdin(outcome);
    return outcome;
  } catch (const std::system_error& error) {
    return release_for(error.what());
  }
}

std::vector<std::string> ExecHandler::environment(const Job& job) const {
  std::vector<std::string> variables{
      "WQ_ITEM_SHA224=" + std::string(text(job.lease.hash)),
      "WQ_QUEUE=" + std::string(job.queue),
      "WQ_ATTEMPT=" + std::to_string(job.lease.attempt()),
      "WQ_FENCE=" + std::to_string(job.lease.fence),
      "WQ_SLOT=" + std::to_string(job.slot),
  };
  // The last one, so that it can be taken away.
  constexpr std::string_view kName = "WQ_ITEM=";
  if (kName.size() + job.item.size() < max_string_bytes() && !has_zero_byte(job.item)) {
    variables.push_back(std::string(kName).append(job.item));
  }
  return variables;
}

Outcome ExecHandler::outcome(ChildResult result) const {
  const bool is_incomplete = result.exit_code == 0 && result.stdout_is_cut;
  if (is_incomplete || result.exit_code == kReleaseCode) return Outcome::release();

  if (result.exit_code == 0) {
    if (!options_.results && !options_.reduce) return Outcome::complete();
    if (!result.output_too_long) return complete(std::move(result.output));
  }
  Failure failure = failure_of(result, options_.memory_limit_bytes);
  if (result.exit_code == 0) {
    failure.kind = FailureKind::result;
    failure.exit_code.reset();
    failure.message = "the result on stdout is longer than " +
                      std::to_string(options_.results_max_bytes) + " bytes (--results-max-bytes)";
  }

  // The work was done, and would be as long again.
  const auto& fatal = options_.fatal_exit_codes;
  const bool is_fatal = failure.kind == FailureKind::result ||
                        (failure.exit_code &&
                         std::find(fatal.begin(), fatal.end(), *failure.exit_code) != fatal.end());
  if (is_fatal) return Outcome::fatal(std::move(failure));
  // A signal that the worker sent is not a crash: the worker knows better why it ended a command.
  return is_crash(failure) ? Outcome::crash(std::move(failure)) : Outcome::fail(std::move(failure));
}

Outcome ExecHandler::complete(std::string output) const {
  Outcome outcome;
  try {
    if (options_.reduce) outcome.totals = read_totals(output, *options_.reduce);
  } catch (const std::invalid_argument& error) {
    return Outcome::fail(
        {.kind = FailureKind::result, .message = std::string("stdout, ") + error.what()});
  }
  if (options_.results) outcome.result = std::move(output);
  return outcome;
}

void ExecHandler::add_follow_ups(const ExchangedFile& file, Outcome& outcome) {
  if (outcome.kind != Outcome::Kind::complete) return;
  const auto refuse = [&outcome](std::string why) {
    outcome = Outcome::fail({.kind = FailureKind::result, .message = std::move(why)});
  };
  try {
    const std::string lines = file.beginning(kMostOutcomeBytes + 1);
    if (lines.size() > kMostOutcomeBytes) {
      return refuse(fmt::format("$WQ_FOLLOWUPS_FILE has more than {} bytes", kMostOutcomeBytes));
    }
    outcome.follow_ups = read_follow_ups(lines);
  } catch (const std::invalid_argument& error) {
    refuse(error.what());
  } catch (const std::system_error& error) {
    refuse(std::string("$WQ_FOLLOWUPS_FILE: ") + error.what());
  }
}

// Who comes from xargs or GNU parallel expects the item as the last argument. Said once, in the
// log: what is kept of a failure is the command's own.
void ExecHandler::hint_at_stdin(const Outcome& outcome) const {
  if (outcome.kind == Outcome::Kind::complete) hint_is_due_ = false;
  if (outcome.failure.kind != FailureKind::exit || !hint_is_due_.exchange(false) || !options_.log)
    return;
  options_.log(LogLevel::warning, "the command has no " + command_.marker() +
                                      ": it reads the item from stdin, and failed at once");
}

Outcome ExecHandler::not_executed(const ChildSpec& spec, int error) const {
  if (error == E2BIG && command_.takes_item()) {
    return unpassable("the item is too long for an argument; without " + command_.marker() +
                      ", the command reads the item from stdin");
  }
  const std::string reason = exec_error_text(error, spec.paths);
  if (error != E2BIG && !is_programs_fault(error)) {
    return release_for("cannot run '" + command_.program() + "' now: " + reason);
  }
  // The name itself may hold any bytes then, and the failure is kept together with its item.
  if (command_.item_chooses_program()) {
    std::string text = "cannot run the program that the item names: " + reason;
    if (spec.arguments.front().find(' ') != std::string::npos) {
      text += "; the item is one word and no shell splits it (a shell does with: sh -c \"$1\" _ " +
              command_.marker() + ")";
    }
    return Outcome::fail(std::move(text));
  }
  throw CannotRun("cannot run '" + command_.program() + "': " + reason);
}

Outcome ExecHandler::release_for(std::string_view reason) const {
  if (options_.log) {
    options_.log(LogLevel::warning, std::string(reason) + "; the item is released for later");
  }
  return Outcome::release();
}

}  // namespace wq::internal
