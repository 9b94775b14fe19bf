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
    R"(How many items are where, read in one atomic step, and who works on them. With --watch it is
shown again and again until the queue is drained (all is done or dead, nobody is filling it, and it
is not paused), on a terminal in place, with how fast it goes and the time that is left. That is a
range, taken from how fast and how evenly the last while went and from how long items take; it is
missing while there is nothing honest to say, and only "at least" while somebody is filling the
queue. Without a QUEUE it lists the queues there are, as wqctl queues does.
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
  options.add_switch("watch,w", watches, "go on until the queue is drained");
  options.add_duration("interval", watching.interval,
                       "with --watch: from one look to the next; 0 is 1s on a terminal and with "
                       "--json, else 10s");
  options.add_switch("fail-on-dead", watching.fail_on_dead,
                     "with --watch: end with 3 instead of 0 if dead letters remain");
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
    throw cli::UsageError("which queue? --watch is for one: wqctl status QUEUE --watch");
  }
  if (watches) return watch(process, target, watching);

  only_look(target);
  if (target.queue.empty()) return show_queues(target, {.json = watching.json});
  const Snapshot now = snapshot(target);
  cli::write_out((watching.json ? json_line(status_json(now)) : status_line(now)) + "\n");
  return cli::ExitCode::done;
}

}  // namespace wq::ctl
