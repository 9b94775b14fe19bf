#include "wq-push/push.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include <wq/error.h>
#include <wq/lanes.h>
#include <wq/producer.h>

#include "base/wait.h"
#include "cli/log.h"
#include "cli/output.h"
#include "cli/progress_line.h"
#include "cli/run_main.h"
#include "cli/signals.h"
#include "cli/units.h"
#include "cli/waiting_line.h"
#include "wq-push/earlier_run.h"
#include "wq-push/pacer.h"
#include "wq-push/reader.h"
#include "wq-push/resume_hint.h"

namespace wq::push {

namespace {

using cli::ExitCode;

// With --durable: often enough to learn of missing replicas early, and at most a second of it is
// spent waiting for their disks.
constexpr std::chrono::seconds kConfirmEvery{10};

/// One push, from the first item to the final report.
class Push {
 public:
  Push(cli::Process& process, const PushOptions& options)
      : process_(process),
        options_(options),
        signals_(process.signals(), [this](int signal, int count) { on_signal(signal, count); }),
        wait_(stop_.get_token(), [this] { on_idle(); }),
        source_(make_source(options.source, wait_, from_redis())),
        reader_(options_, *source_) {
    if (options_.per_second > 0) pacer_.emplace(options_.per_second);
  }

  ExitCode run() {
    if (source_is_typed()) {
      cli::log(LogLevel::info, "type one item per line; Ctrl-D ends the input");
    }
    // Nothing is removed for a list that turns out to be empty or unreadable.
    if (options_.fresh) {
      has_first_ = reader_.next(first_);
      if (stop_.stop_requested()) return stopped_before_the_first();
      if (!has_first_) return tell_of_nothing(false);
    }
    try {
      open();
    } catch (const ConnectionError& error) {
      return failed(error);
    }
    try {
      feed();
    } catch (const Error& error) {  // Redis: what is not answered by now will not be
      return failed(error);
    } catch (const std::exception& error) {  // the input: items that were read are still pushed
      return finish(&error);
    }
    return finish(nullptr);
  }

 private:
  [[nodiscard]] bool source_is_typed() const {
    return options_.source.arguments.empty() && options_.source.files.empty() &&
           options_.source.keys.empty() && options_.source.stream.empty() &&
           isatty(STDIN_FILENO) == 1;
  }

  void open() {
    RedisOptions redis = options_.redis;
    waiting_.watch(redis);
    if (options_.lanes > 0) {
      lanes_ = std::make_unique<LaneProducer>(options_.queue, options_.lanes, redis,
                                              options_.producer, stop_.get_token());
      return;
    }
    if (options_.fresh) {
      begin_anew(options_, redis, stop_.get_token());
    } else {
      earlier_ = look_for_earlier_run(options_.queue, redis, stop_.get_token());
      if (earlier_ && earlier_->drained() && !options_.producer.once &&
          !options_.producer.unless_drained) {
        cli::log(LogLevel::warning, drained_before(options_.queue, *earlier_));
      }
    }
    producer_ = std::make_unique<Producer>(options_.queue, std::move(redis), options_.producer,
                                           stop_.get_token());
  }

  void feed() {
    // The source still has the terms of the first item.
    if (std::exchange(has_first_, false)) push_item(std::exchange(first_, {}));
    std::string item;
    while (!stop_.stop_requested() && reader_.next(item)) {
      push_item(item);
      if (progress_.due()) progress_.update(reader_.given(), source_->fraction());
    }
  }

  // Of the items behind the wait none is on its way yet. A stop ends it, and the item is pushed.
  void keep_to_the_rate() {
    const auto wait = pacer_->before_next(Pacer::Clock::now());
    if (!wait) return;
    if (options_.producer.durable_replicas > 0) {
      producer_->flush();  // replicas may take longer than the wait
    } else {
      confirm();
    }
    progress_.update(reader_.given(), source_->fraction());
    internal::wait_for(std::chrono::ceil<std::chrono::milliseconds>(*wait), stop_.get_token());
  }

  void push_item(const std::string& item) {
    if (pacer_) keep_to_the_rate();
    confirm_from_time_to_time();
    const ItemTerms* terms = source_->terms();
    try {
      if (lanes_) {
        push_to_lane(terms, item);
      } else if (terms == nullptr && options_.delay.count() == 0) {
        producer_->push(item);
      } else {
        const PushItem with_terms = item_with(terms, item);
        producer_->push({&with_terms, 1});
      }
    } catch (const std::invalid_argument& error) {  // too long
      const std::uint64_t number = options_.skip + reader_.given();
      ++refused_;
      throw std::invalid_argument(
          fmt::format("item {}: {}; remove it, or resume after it with --skip {}", number,
                      error.what(), number));
    }
  }

  void push_to_lane(const ItemTerms* terms, std::string_view item) {
    std::optional<std::string_view> key;
    if (options_.lanes_by_hash) key = lane_key(item);
    lanes_->push(item_with(terms, item), key);
  }

  // Of a long push, no more may be lost in a failover than this time's.
  void confirm_from_time_to_time() {
    if (options_.producer.durable_replicas == 0) return;
    const auto now = std::chrono::steady_clock::now();
    if (now < next_confirm_) return;
    producer_->confirm();
    next_confirm_ = now + kConfirmEvery;
  }

  [[nodiscard]] PushItem item_with(const ItemTerms* terms, std::string_view item) const {
    PushItem with{.item = item, .delay = options_.delay};
    if (terms == nullptr) return with;
    with.delay = terms->delay.value_or(options_.delay);
    with.once_key = terms->once_key;
    return with;
  }

  FromRedis from_redis() {
    FromRedis from{.redis = options_.redis, .queue = options_.queue};
    from.confirm = [this] { confirm(); };
    // Entries that are read are pushed within seconds, also at a low rate.
    if (options_.per_second > 0) {
      from.most_entries = std::min<std::size_t>(from.most_entries, options_.per_second);
    }
    return from;
  }

  // Without a producer nothing was given to it.
  void confirm() {
    if (producer_) producer_->confirm();
    if (lanes_) lanes_->confirm();
  }

  /// How many items the producer has.
  [[nodiscard]] std::uint64_t given() const {
    return reader_.given() - refused_ - (has_first_ ? 1 : 0);
  }

  ExitCode stopped_before_the_first() {
    cli::log(LogLevel::warning, "interrupted: " + how_to_go_on(options_, {}, 0));
    return cli::exit_code_for_signal(signals_.first());
  }

  /// `waits`: the queue has not begun.
  ExitCode tell_of_nothing(bool waits) const {
    cli::log(
        LogLevel::warning,
        fmt::format("nothing was pushed to {}: {}{}{}", options_.queue,
                    options_.skip == 0
                        ? "there were no items"
                        : fmt::format("there were only the {} items of --skip", options_.skip),
                    options_.fresh ? "; nothing was removed either" : "",
                    waits ? "; workers wait for the first item, up to their --wait-open" : ""));
    return ExitCode::done;
  }

  void tell_of_unknown_items(const PushReport& report) const {
    const bool all_new = options_.producer.once && report.skipped == 0 && report.pushed > 0;
    if (!all_new || !earlier_ || !earlier_->drained()) return;
    cli::log(LogLevel::warning, fmt::format("--once knew none of them, and {}",
                                            drained_before(options_.queue, *earlier_)));
  }

  /// Waits for all answers. `error` is why the input ended too early.
  ExitCode finish(const std::exception* error) {
    PushReport report;
    try {
      report = lanes_ ? lanes_->finish() : producer_->finish();
    } catch (const Error& redis_error) {
      if (error != nullptr) (void)cli::report_failure(process_.name(), *error);
      return failed(redis_error);
    }
    if (error == nullptr && report.unknown == 0 && report.lost == 0) source_->confirmed();
    if (error != nullptr) {
      const ExitCode code = cli::report_failure(process_.name(), *error);
      cli::log(LogLevel::error, how_to_go_on(options_, report, given()));
      return code;
    }
    if (stop_.stop_requested()) {
      cli::log(LogLevel::warning, "interrupted: " + how_to_go_on(options_, report, given()));
      return cli::exit_code_for_signal(signals_.first());
    }
    return done(report);
  }

  ExitCode done(const PushReport& report) {
    if (given() == 0) return tell_of_nothing(earlier_ && earlier_->counts.id.empty());
    // While Redis is away nothing says how fast it goes.
    const std::chrono::duration<double> waited = waiting_.waited();
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin_ - waited;
    std::string line =
        fmt::format("pushed {} to {} in {:.2f} s ({:.0f}/s)", cli::plural(report.pushed, "item"),
                    options_.queue, time.count(),
                    static_cast<double>(report.pushed) / std::max(time.count(), 1e-3));
    if (waited >= std::chrono::seconds{1}) {
      line += fmt::format(", after {:.0f} s of waiting for Redis", waited.count());
    }
    if (options_.producer.once || report.skipped > 0) {
      line += fmt::format(", skipped {} pushed before", report.skipped);
    }
    cli::log(LogLevel::info, line);
    tell_of_unknown_items(report);
    if (report.recovered > 0) {
      cli::log(LogLevel::warning,
               fmt::format("Redis had lost {} of them and has them again", report.recovered));
    }
    if (report.unknown == 0 && report.lost == 0) return ExitCode::done;
    if (report.unknown > 0) {
      cli::log(
          LogLevel::error,
          fmt::format("Redis lost data meanwhile: each of {} items may or may not be in the queue",
                      report.unknown));
    }
    if (report.lost > 0) {
      cli::log(
          LogLevel::error,
          fmt::format(
              "Redis has lost {} that it had confirmed and wq-push no longer remembers: push them "
              "again{}",
              cli::plural(report.lost, "item"),
              options_.producer.once ? ", with the same command: --once skips the others" : ""));
    }
    return ExitCode::failure;
  }

  ExitCode failed(const Error& error) {
    waiting_.tell("");
    const PushReport report = lanes_      ? lanes_->report()
                              : producer_ ? producer_->report()
                                          : PushReport{};
    const std::string advice = how_to_go_on(options_, report, given());
    if (stop_.stop_requested()) {
      cli::log(LogLevel::warning, "interrupted: " + advice);
      return cli::exit_code_for_signal(signals_.first());
    }
    const ExitCode code = cli::report_failure(process_.name(), error);
    cli::log(LogLevel::error, advice);
    return code;
  }

  void on_idle() {
    if (producer_) producer_->flush();
    if (lanes_) lanes_->flush();
    progress_.update(reader_.given(), source_->fraction());
  }

  void on_signal(int signal, int count) {
    stop_.request_stop();
    if (count == 1) return;
    cli::leave_live_text();
    cli::print_error(process_.name(),
                     "interrupted again: items in flight may or may not be in the queue");
    _exit(static_cast<int>(cli::exit_code_for_signal(signal)));
  }

  const cli::Process& process_;
  const PushOptions& options_;
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  std::stop_source stop_;
  // Before anything that has threads.
  cli::SignalWatcher signals_;
  InputWait wait_;
  const std::unique_ptr<ItemSource> source_;
  Reader reader_;
  std::uint64_t refused_ = 0;
  bool has_first_ = false;  // an item that was read and not given to the producer
  std::string first_;
  std::optional<EarlierRun> earlier_;
  std::optional<Pacer> pacer_;                                                   // with --rate
  std::chrono::steady_clock::time_point next_confirm_ = begin_ + kConfirmEvery;  // with --durable
  cli::ProgressLine progress_{"read"};
  cli::WaitingLine waiting_;
  std::unique_ptr<Producer> producer_;
  std::unique_ptr<LaneProducer> lanes_;  // instead, with --lanes
};

}  // namespace

ExitCode push(cli::Process& process, const PushOptions& options) {
  return Push(process, options).run();
}

ExitCode dry_run(const PushOptions& options) {
  InputWait wait({}, [] { cli::flush_out(); });
  const auto source =
      make_source(options.source, wait, {.redis = options.redis, .queue = options.queue});
  Reader reader(options, *source);
  const char* end = options.source.records == Records::null_ended ? "\0" : "\n";
  for (std::string item; reader.next(item);) {
    cli::write_out(item);
    cli::write_out({end, 1});
  }
  cli::flush_out();
  cli::log(LogLevel::info, fmt::format("{} would be pushed to {}",
                                       cli::plural(reader.given(), "item"), options.queue));
  return ExitCode::done;
}

}  // namespace wq::push
