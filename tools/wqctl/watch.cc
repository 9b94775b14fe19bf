#include "wqctl/watch.h"

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>

#include <fmt/format.h>
#include <unistd.h>

#include <wq/admin.h>
#include <wq/clock.h>
#include <wq/error.h>

#include "cli/eta.h"
#include "cli/log.h"
#include "cli/output.h"
#include "cli/signals.h"
#include "cli/terminal.h"
#include "cli/units.h"
#include "wqctl/view/json.h"
#include "wqctl/view/snapshot.h"

namespace wq::ctl {

namespace {

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

class Watch {
 public:
  Watch(cli::Process& process, const Target& target, const WatchOptions& options)
      : options_(options),
        signals_(process.signals(), [this](int signal, int count) { on_signal(signal, count); }),
        queue_(target.queue, target.redis, stop_.get_token()),
        admin_(target.queue, target.redis, stop_.get_token()) {
    now_.queue = target.queue;
    if (!options.json && cli::is_live_terminal(STDOUT_FILENO)) {
      live_ = std::make_unique<cli::LiveText>(stdout);
      cli::watch_for_resizes();
    }
    interval_ = options.interval;
    if (interval_ == milliseconds::zero()) {
      interval_ = live_ || options.json ? kSampleInterval : kLineInterval;
    }
  }

  cli::ExitCode run() {
    try {
      for (TimePoint next_show = begin_; !stop_.stop_requested(); wait()) {
        look();
        const auto end = ending();
        if (const TimePoint now = BootClock::now(); end || now >= next_show) {
          show();
          next_show = now + interval_;
        }
        if (end) return *end;
      }
    } catch (const ConnectionError&) {
      if (!stop_.stop_requested()) throw;
    }
    return cli::exit_code_for_signal(signals_.first());
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
    cli::write_out((options_.json ? json_line(watch_json(now_, eta)) : watch_line(now_, eta)) +
                   "\n");
    cli::flush_out();
  }

  [[nodiscard]] std::optional<cli::ExitCode> ending() const {
    if (now_.counts.drained()) {
      const bool dead = options_.fail_on_dead && now_.counts.dead > 0;
      return dead ? cli::ExitCode::dead_or_halted : cli::ExitCode::done;
    }
    if (!now_.counts.id.empty() || BootClock::now() - begin_ < options_.wait_open) {
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
    std::unique_lock lock(mutex_);
    for (TimePoint now = BootClock::now(); now < end; now = BootClock::now()) {
      const auto rest = std::chrono::ceil<milliseconds>(end - now);
      never_.wait_for(lock, stop_.get_token(), live_ ? std::min(rest, kResizeLook) : rest,
                      [] { return false; });
      if (stop_.stop_requested()) return;
      if (live_ && cli::take_resize()) show();
    }
  }

  void on_signal(int signal, int count) {
    stop_.request_stop();
    // The second does not wait for a Redis that does not answer. Nothing has to be undone.
    if (count == 1) return;
    cli::leave_live_text();
    _exit(static_cast<int>(cli::exit_code_for_signal(signal)));
  }

  const WatchOptions options_;
  milliseconds interval_;
  const TimePoint begin_ = BootClock::now();
  std::stop_source stop_;
  cli::SignalWatcher signals_;
  Queue queue_;
  Admin admin_;
  Snapshot now_;
  TimePoint next_crew_{};
  EtaHistory history_;
  std::unique_ptr<cli::LiveText> live_;
  std::mutex mutex_;
  std::condition_variable_any never_;
};

}  // namespace

cli::ExitCode watch(cli::Process& process, const Target& target, const WatchOptions& options) {
  return Watch(process, target, options).run();
}

}  // namespace wq::ctl
