#include <chrono>

#include <fmt/format.h>

#include <wq/admin.h>
#include <wq/queue.h>

#include "cli/output.h"
#include "cli/units.h"
#include "wqctl/command.h"
#include "wqctl/queue_list.h"
#include "wqctl/view/json.h"
#include "wqctl/view/snapshot.h"
#include "wqctl/watch.h"

namespace wq::ctl {

namespace {

constexpr std::chrono::milliseconds kFastest{100};

constexpr const char* kStatusSummary =
    R"(Shows the number of items per state, read in one atomic step, and the workers. With --watch, it
repeats until the queue is drained (every item is completed or dead, no producer holds it open, and
it is not paused), with the rate and the time left; on a terminal it redraws in place. The time left
is a range, estimated from the recent rate, its variation and the duration of items. There is none
while the estimate would be unreliable, and only "at least" while a producer is pushing. Without a
QUEUE, it lists the queues, as wqctl queues does.
)";

constexpr const char* kStatusExamples =
    R"(Examples:
  wqctl status shards
  wqctl status shards --json | jq .dead
  wqctl status shards --watch
  wqctl status shards --watch --fail-on-dead > progress.log && next-step
)";

cli::ProgramText status_text() {
  using cli::ExitCode;
  cli::ProgramText text = command_text("status", kStatusSummary, "",
                                       {{.value = cli::Value::queue(), .optional = true}});
  text.ending =
      cli::exit_code_help({ExitCode::done, ExitCode::failure, ExitCode::usage,
                           ExitCode::dead_or_halted, ExitCode::no_redis, ExitCode::never_opened,
                           ExitCode::interrupted, ExitCode::terminated}) +
      "\n" + kStatusExamples;
  return text;
}

Snapshot snapshot(const Target& target) {
  Queue queue{target.queue, target.redis};
  Snapshot now;
  now.queue = target.queue;
  now.counts = queue.counts();
  now.crew = crew_of(Admin{target.queue, target.redis}.workers());
  drop_outdated(now);
  now.last_due = queue.last_due();
  return now;
}

}  // namespace

cli::ExitCode run_status(cli::Process& process, int argc, const char* const* argv) {
  cli::Options options{status_text()};
  WatchOptions watching;
  bool watches = false;
  options.group("Status");
  add_json_switch(options, watching.json, "a line for people");
  options.add_switch("watch,w", watches, "repeat until the queue is drained");
  options.add_duration("interval", watching.interval,
                       "with --watch: time between two outputs; 0 is 1s on a terminal and with "
                       "--json, else 10s");
  options.add_switch("fail-on-dead", watching.fail_on_dead,
                     "with --watch: exit with 3 instead of 0 if dead letters remain");
  options.add_duration("wait-open", watching.wait_open,
                       "with --watch: how long to wait for the queue to begin");
  Target target;
  if (!read_target(process, options, argc, argv, target)) return cli::ExitCode::done;
  if (watching.interval != std::chrono::milliseconds::zero() && watching.interval < kFastest) {
    throw cli::UsageError(fmt::format("--interval: {} is too often: at least {}",
                                      cli::duration_text(watching.interval),
                                      cli::duration_text(kFastest)));
  }
  if (target.queue.empty() && watches) {
    throw cli::UsageError("--watch needs a queue: wqctl status QUEUE --watch");
  }
  if (watches) return watch(process, target, watching);

  only_look(target);
  if (target.queue.empty()) return show_queues(target, {.json = watching.json});
  const Snapshot now = snapshot(target);
  cli::write_out((watching.json ? json_line(status_json(now)) : status_line(now)) + "\n");
  return cli::ExitCode::done;
}

}  // namespace wq::ctl
