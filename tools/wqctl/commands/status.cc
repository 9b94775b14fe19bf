#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include <fmt/format.h>
#include <unistd.h>

#include <wq/admin.h>
#include <wq/clock.h>
#include <wq/error.h>
#include <wq/lanes.h>
#include <wq/queue.h>

#include "cli/eta.h"
#include "cli/exit_code.h"
#include "cli/log.h"
#include "cli/output.h"
#include "cli/signals.h"
#include "cli/terminal.h"
#include "cli/units.h"
#include "wqctl/command.h"
#include "wqctl/view/json.h"
#include "wqctl/view/snapshot.h"

namespace wq::ctl {

namespace {

struct WatchOptions {
  std::chrono::milliseconds interval{0};  ///< between two looks; zero: as suits the output
  std::chrono::milliseconds wait_open{std::chrono::minutes{10}};  ///< for the queue to begin
  bool fail_on_dead = false;
};

using std::chrono::milliseconds;
using std::chrono::seconds;

// However seldom the output: only many samples show how irregular a queue is.
constexpr seconds kSampleInterval{1};
constexpr seconds kLineInterval{10};
// A window that is resized is filled anew after that.
constexpr milliseconds kResizeLook{100};

/// Reading what all workers say of themselves costs Redis a microsecond or so for each of them.
milliseconds crew_interval(const Crew& crew) {
  return std::clamp<milliseconds>(milliseconds{10} * (crew.alive + crew.overdue), seconds{5},
                                  seconds{60});
}

/// Shows the queue until it is drained, on a terminal in place, else a line for each look. Returns
/// what a worker would have ended with. Throws as `Queue` does, and `ProtocolError` when the
/// queue's data was lost.
class Watch {
 public:
  Watch(cli::Process& process, const Target& target, const WatchOptions& options)
      : options_(options),
        json_(target.json),
        stop_(process.signals()),
        queue_(target.queue, target.redis, stop_.token()),
        admin_(target.queue, target.redis, stop_.token()) {
    now_.queue = target.queue;
    if (!json_ && cli::is_live_terminal(STDOUT_FILENO)) {
      live_ = std::make_unique<cli::LiveText>(stdout);
      cli::watch_for_resizes();
    }
    interval_ = options.interval;
    if (interval_ == milliseconds::zero()) {
      interval_ = live_ || json_ ? kSampleInterval : kLineInterval;
    }
  }

  cli::ExitCode run() {
    try {
      for (TimePoint next_show = begin_; !stop_.is_made(); wait()) {
        look();
        const auto end = ending();
        if (const TimePoint now = BootClock::now(); end || now >= next_show) {
          show();
          next_show = now + interval_;
        }
        if (end) return *end;
      }
    } catch (const ConnectionError&) {
      if (!stop_.is_made()) throw;
    }
    return stop_.exit_code();
  }

 private:
  void look() {
    Counts counts = queue_.counts();
    const TimePoint now = BootClock::now();
    if (!now_.counts.id.empty() && counts.id != now_.counts.id) {
      throw ProtocolError(fmt::format(
          "the queue {} was replaced while it was watched: Redis lost its data, or it was purged",
          cli::one_line(now_.queue)));
    }
    now_.counts = std::move(counts);
    now_.state = state_with_stages(queue_, now_.counts);
    if (now >= next_crew_) {
      now_.crew = crew_of(admin_.workers());
      next_crew_ = now + crew_interval(now_.crew);
    }
    drop_outdated(now_);
    now_.last_due.reset();
    if (now_.counts.delayed > 0) now_.last_due = queue_.last_due();
    history_.add(now, now_.counts, {now_.crew.oldest, now_.last_due});
  }

  void show() {
    const Eta eta = history_.eta();
    if (live_) {
      const std::size_t columns = cli::terminal_columns(STDOUT_FILENO);
      live_->draw(watch_frame(now_, eta, columns, cli::wants_colour(STDOUT_FILENO)));
      return;
    }
    cli::write_out((json_ ? json_line(watch_json(now_, eta)) : watch_line(now_, eta)) + "\n");
    cli::flush_out();
  }

  [[nodiscard]] std::optional<cli::ExitCode> ending() const {
    if (is_drained(now_)) {
      const bool dead = options_.fail_on_dead && now_.counts.dead > 0;
      return dead ? cli::ExitCode::dead_or_halted : cli::ExitCode::done;
    }
    if (now_.state == QueueState::open || BootClock::now() - begin_ < options_.wait_open) {
      return std::nullopt;
    }
    cli::log(LogLevel::error,
             fmt::format("the queue {} did not begin within {}", cli::one_line(now_.queue),
                         cli::duration_text(options_.wait_open)));
    return cli::ExitCode::never_opened;
  }

  /// Until the next look is due. Meanwhile a window that is resized is drawn anew.
  void wait() {
    const TimePoint end = BootClock::now() + std::min<milliseconds>(interval_, kSampleInterval);
    for (TimePoint now = BootClock::now(); now < end; now = BootClock::now()) {
      const auto rest = std::chrono::ceil<milliseconds>(end - now);
      stop_.wait_for(live_ ? std::min(rest, kResizeLook) : rest);
      if (stop_.is_made()) return;
      if (live_ && cli::take_resize()) show();
    }
  }

  const WatchOptions options_;
  const bool json_;
  milliseconds interval_;
  const TimePoint begin_ = BootClock::now();
  const cli::StopRequest stop_;
  Queue queue_;
  Admin admin_;
  Snapshot now_;
  TimePoint next_crew_{};
  EtaHistory history_;
  std::unique_ptr<cli::LiveText> live_;
};

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

/// Of a queue that has not begun: people ask for the name that they gave to wq-push --lanes.
void refuse_lanes(const Target& target) {
  if (target.queue.find_first_of("{}") != std::string::npos) return;
  std::optional<std::size_t> lanes;
  try {
    lanes = recorded_lanes(target.queue, target.redis);
  } catch (const ReplyError&) {  // the user may not read them
  }
  if (!lanes) return;
  const std::string name = cli::one_line(target.queue);
  throw cli::UsageError(
      fmt::format("the queue {} has {} lanes; see all: wqctl queues '{{{}:*}}'; one: wqctl status "
                  "'{{{}:0}}'",
                  name, *lanes, name, name));
}

Snapshot snapshot(const Target& target) {
  Queue queue{target.queue, target.redis};
  Snapshot now;
  now.queue = target.queue;
  now.counts = queue.counts();
  if (now.counts.id.empty()) refuse_lanes(target);
  now.state = state_with_stages(queue, now.counts);
  now.crew = crew_of(Admin{target.queue, target.redis}.workers());
  drop_outdated(now);
  now.last_due = queue.last_due();
  return now;
}

}  // namespace

cli::ExitCode run_status(cli::Process& process, int argc, const char* const* argv) {
  Target target;
  cli::Options options{command_text("status", kStatusSummary, kStatusExamples,
                                    {{.value = cli::Value::queue(), .optional = true}},
                                    {cli::ExitCode::dead_or_halted, cli::ExitCode::never_opened,
                                     cli::ExitCode::interrupted, cli::ExitCode::terminated})};
  WatchOptions watching;
  bool watches = false;
  add_json_switch(options, target, "a line for people");
  options.add_switch("watch,w", watches, "repeat until the queue is drained");
  options.add_duration("interval", watching.interval,
                       "with --watch: time between two outputs; 0 is 1s on a terminal and with "
                       "--json, else 10s");
  options.add_switch("fail-on-dead", watching.fail_on_dead,
                     "with --watch: exit with 3 instead of 0 if dead letters remain");
  options.add_duration("wait-open", watching.wait_open,
                       "with --watch: how long to wait for the queue to begin");
  if (!read_target(process, options, argc, argv, target)) return cli::ExitCode::done;
  if (watching.interval != std::chrono::milliseconds::zero() && watching.interval < kFastest) {
    throw cli::UsageError(fmt::format("--interval: {} is too often: at least {}",
                                      cli::duration_text(watching.interval),
                                      cli::duration_text(kFastest)));
  }
  if (target.queue.empty() && watches) {
    throw cli::UsageError("--watch needs a queue: wqctl status QUEUE --watch");
  }
  if (watches) return Watch(process, target, watching).run();

  only_look(target);
  if (target.queue.empty()) return show_queues(target, {});
  const Snapshot now = snapshot(target);
  cli::write_out((target.json ? json_line(status_json(now)) : status_line(now)) + "\n");
  return cli::ExitCode::done;
}

}  // namespace wq::ctl
