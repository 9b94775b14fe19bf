// The process of a slot: when it is started, how long it may take, and what its end means.
#include "coprocess/slot.h"

#include <algorithm>
#include <exception>
#include <new>
#include <stop_token>
#include <system_error>
#include <utility>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>

#include "base/start_thread.h"
#include "command/child_failure.h"

namespace wq::internal {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kReadyWarning{5'000};
constexpr milliseconds kLongestRestartDelay{30'000};
// Ends in a row for which no item can be blamed; a process that is not ready in time takes longest.
constexpr unsigned kMostUselessEnds = 5;
constexpr unsigned kMostStartTimeouts = 2;

std::string text_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::bad_alloc&) {
    return "out of memory";
  } catch (const std::exception& known) {
    return known.what();
  } catch (...) {
    return "an exception not derived from std::exception was thrown";
  }
}

}  // namespace

void CoprocessSlot::Wake::operator()() const noexcept { ::eventfd_write(event.get(), 1); }

CoprocessSlot::CoprocessSlot(const CoprocessConfig& config, unsigned number, OrphanReaper& reaper,
                             CoprocessRecord& record)
    : config_(config),
      reaper_(reaper),
      record_(record),
      command_(config.command),
      hello_{.queue = config.options.queue,
             .session = config.options.session,
             .slot = number,
             .batch = config.options.batch,
             .max_items = config.options.max_items_per_process},
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!wake_) throw_errno("cannot make an event");
  command_.origin.slot = number;
  if (!hello_.queue.empty()) command_.environment.push_back("WQ_QUEUE=" + hello_.queue);
  command_.environment.push_back("WQ_SLOT=" + std::to_string(number));
  thread_ =
      start_thread<std::thread>(fmt::format("the thread of slot {}'s process", number), [this] {
        try {
          run();
        } catch (...) {
          refuse_all();
        }
      });
}

CoprocessSlot::~CoprocessSlot() {
  begin_end();
  thread_.join();
}

void CoprocessSlot::begin_end() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  Wake{wake_}();
}

void CoprocessSlot::prepare(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  if (!on_stop_) {
    stop_ = stop;
    on_stop_.emplace(stop, Wake{wake_});
  }
  if (accepts_items_) return;
  // Until it is seen here: a process that is ready may have ended again by then.
  ++wanted_by_;
  Wake{wake_}();
  prepared_.wait(lock, stop, [this] { return accepts_items_ || error_; });
  --wanted_by_;
  if (error_) std::rethrow_exception(error_);
}

// ---- the thread ----

// Within its last catch: an exception that left the thread would end the worker, with all it holds.
void CoprocessSlot::refuse_all() {
  std::exception_ptr error = std::current_exception();
  try {
    error = std::make_exception_ptr(
        CannotGoOn("the thread that communicates with a coprocess failed: " + text_of(error)));
  } catch (...) {  // no memory to say that
  }
  process_.reset();
  pollfd wake{.fd = wake_.get(), .events = POLLIN, .revents = 0};
  for (eventfd_t ignored = 0;; ::poll(&wake, 1, -1)) {
    static_cast<void>(::eventfd_read(wake_.get(), &ignored));
    const std::lock_guard lock(mutex_);
    for (std::vector<Call*>* calls : {&calls_, &new_calls_}) {
      for (Call* call : *calls) {  // in both, if it was just being taken
        call->error = error;
        call->done = true;
        call->changed.notify_one();
      }
      calls->clear();
    }
    if (ending_) return;
  }
}

void CoprocessSlot::run() {
  const auto on_line = [this](std::string_view line) { this->on_line(line); };
  while (take_calls()) {
    give_up_stopped();
    if (stopping_) end_if_stopping();
    give_back_late();
    start_if_due();
    tell_if_it_accepts();
    if (!process_) {
      pollfd wake{.fd = wake_.get(), .events = POLLIN, .revents = 0};
      ::poll(&wake, 1, milliseconds_until(next_deadline()));
      continue;
    }
    send_pieces();
    retire_if_due();
    tell_if_it_accepts();
    const bool lives = process_->wait(wake_.get(), next_deadline(), on_line);
    if (!process_->too_long_line().empty()) {
      bad_line(process_->too_long_line(),
               fmt::format("it is longer than {} bytes", config_.max_line_bytes));
    }
    if (lives) {
      enforce_deadlines();
    } else {
      on_end();
    }
  }
  if (!process_) return;
  if (ready_) {
    process_->close_stdin();
  } else {
    process_->ask_to_end();
  }
  while (process_->wait(-1, Clock::time_point::max(), [](std::string_view /*line*/) {})) continue;
  static_cast<void>(process_->end());
}

// The worker begins nothing more: items not begun are released.
void CoprocessSlot::end_if_stopping() {
  release_todo();
  if (!process_ || process_->asked_to_end()) return;
  if (ready_ && sent_.empty()) {
    process_->close_stdin();
    return;
  }
  // The current batch may finish; the next batch, without an answer so far, does not count as
  // begun.
  if (!stop_seen_ && !sent_.empty()) sent_.front().begun = true;
  stop_seen_ = true;
  if (ready_ &&
      std::any_of(sent_.begin(), sent_.end(), [](const Piece& each) { return each.begun; })) {
    return;
  }
  ending_why_ = Ending::stopped;
  process_->ask_to_end();
}

void CoprocessSlot::start_if_due() {
  const bool needed = is_wanted_ || !todo_.empty();
  if (process_ || !needed || stopping_ || Clock::now() < start_at_) return;
  try {
    start();
  } catch (const std::system_error& error) {
    start_later(error.what());
  }
}

// The system has no room just now.
void CoprocessSlot::start_later(std::string_view why) {
  process_.reset();
  log(fmt::format("{}; retrying", why));
  answered_ = false;
  restart_later(false, false);
}

void CoprocessSlot::start() {
  process_ = std::make_unique<Coprocess>(command_, reaper_, config_.max_line_bytes);
  const int error = process_->start();
  if (error != 0) {
    process_.reset();
    const std::string why = fmt::format("cannot run '{}': {}", command_.arguments.front(),
                                        exec_error_text(error, command_.paths));
    if (is_programs_fault(error)) {
      fail_calls(std::make_exception_ptr(CannotRun(why)));
    } else {
      start_later(why);
    }
    return;
  }
  ready_ = answered_ = given_ = retiring_ = false;
  ending_why_ = Ending::by_itself;
  bad_line_.clear();
  next_id_ = 1;
  started_at_ = Clock::now();
  process_->send(hello_line(hello_));
}

// It has done what it was given, and should leave.
void CoprocessSlot::retire_if_due() {
  if (retiring_ && sent_.empty()) process_->close_stdin();
}

bool CoprocessSlot::accepts() const {
  return process_ && ready_ && !retiring_ && !process_->asked_to_end();
}

void CoprocessSlot::tell_if_it_accepts() {
  const std::lock_guard lock(mutex_);
  if (accepts_items_ == accepts()) return;
  accepts_items_ = !accepts_items_;
  if (accepts_items_) prepared_.notify_all();
}

Coprocess::Clock::time_point CoprocessSlot::next_deadline() const {
  auto deadline = process_deadline();
  if (!process_ && (is_wanted_ || !todo_.empty())) deadline = start_at_;
  if (accepts()) return deadline;
  for (const Piece& piece : todo_) deadline = std::min(deadline, piece.give_back_at);
  return deadline;
}

// When the process will have taken too long.
Coprocess::Clock::time_point CoprocessSlot::process_deadline() const {
  constexpr auto kNever = Clock::time_point::max();
  if (!process_ || process_->asked_to_end()) return kNever;
  if (!ready_) {
    const auto ready_by = started_at_ + config_.options.start_timeout;
    return warned_ ? ready_by : std::min(ready_by, started_at_ + kReadyWarning);
  }
  if (sent_.empty() || config_.options.timeout == milliseconds::zero()) return kNever;
  return sent_.front().heard_at + config_.options.timeout;
}

void CoprocessSlot::enforce_deadlines() {
  const auto now = Clock::now();
  if (now < process_deadline()) return;
  if (ready_) {
    ending_why_ = Ending::hung;
    hung_id_ = sent_.front().first_id;
    process_->ask_to_end();
  } else if (now >= started_at_ + config_.options.start_timeout) {
    ending_why_ = Ending::not_ready;
    process_->ask_to_end();
  } else {
    warned_ = true;
    log(fmt::format(
        "the coprocess has not written {{\"wq\":{}}} for {} and gets no items yet: it may still be "
        "loading, or it did not flush its stdout",
        kCoprocessVersion, std::chrono::duration_cast<std::chrono::seconds>(kReadyWarning)));
  }
}

void CoprocessSlot::on_end() {
  const Failure why = failure();
  process_.reset();
  tell_if_it_accepts();  // before a call returns, since the next one looks
  const bool left = ending_why_ == Ending::by_itself && why.exit_code == 0;
  std::deque<Piece> sent = std::exchange(sent_, {});
  std::vector<Item*> suspects;
  // Backwards, since each is put in front of what waits.
  for (; !sent.empty(); sent.pop_back()) {
    const Piece& piece = sent.back();
    const bool suspected = !left && !stopping_ && ending_why_ != Ending::stopped &&
                           (ending_why_ != Ending::hung || piece.first_id == hung_id_);
    const std::vector<Item*> open = open_items(piece);
    if (suspected) {
      suspects.insert(suspects.begin(), open.begin(), open.end());
    } else {
      put_back(open, piece.alone, Suspected::no);
    }
  }
  if (stopping_ && ending_why_ == Ending::by_itself && !todo_.empty()) {
    log("its items are released: the coprocess " + why.message);
  }
  if (stopping_ || ending_why_ == Ending::stopped) return;
  restart_later(suspects.size() > 1, left);
  if (!suspects.empty()) {
    charge(std::move(suspects), why);
  } else if (!answered_) {
    on_useless_end(why);
  } else if (!left && !retiring_) {
    log(fmt::format("the idle coprocess exited: {}", why.message));
  }
}

void CoprocessSlot::restart_later(bool halved, bool left) {
  start_at_ = Clock::now();
  if (answered_ && left) return;  // it wants to be replaced
  if (!answered_ && !halved) ++ends_unanswered_;
  const unsigned doublings = std::min(ends_unanswered_, 16U);
  start_at_ += halved ? config_.options.restart_delay
                      : std::min(config_.options.restart_delay * (1U << doublings) / 2,
                                 kLongestRestartDelay);
}

// No item can be why: it was given none, or left without a word.
void CoprocessSlot::on_useless_end(const Failure& why) {
  const char* when = given_ ? "without an answer" : "before it got an item";
  std::string text =
      fmt::format("the coprocess ended {}: {}", ready_ ? when : "before it was ready", why.message);
  const bool hopeless = ending_why_ == Ending::bad_line && !(ready_ && record_.useful);
  const unsigned most = ending_why_ == Ending::not_ready ? kMostStartTimeouts : kMostUselessEnds;
  if (!hopeless && ++useless_ends_ < most) {
    log(text + "; restarting it");
    return;
  }
  if (!hopeless) text += fmt::format("; {} times in a row", useless_ends_);
  fail_calls(record_.useful ? std::make_exception_ptr(CannotGoOn(text))
                            : std::make_exception_ptr(CannotRun(text)));
}

Failure CoprocessSlot::failure() {
  const bool closed = process_->closed_its_side();
  ChildResult result = process_->end();
  Failure failure = failure_of(result, config_.options.memory_limit_bytes);
  const auto ended_by_us = [&failure](FailureKind kind, std::string message) {
    failure.kind = kind;
    failure.message = std::move(message);
    failure.exit_code.reset();
    failure.signal.reset();
  };
  if (ending_why_ == Ending::bad_line) {
    ended_by_us(FailureKind::protocol, bad_line_);
  } else if (ending_why_ == Ending::hung) {
    ended_by_us(FailureKind::timeout,
                fmt::format("no answer or progress for {}", config_.options.timeout));
  } else if (ending_why_ == Ending::not_ready) {
    ended_by_us(FailureKind::timeout,
                fmt::format("it was not ready within {}", config_.options.start_timeout));
  } else if (closed) {
    ended_by_us(FailureKind::protocol, "it closed its stdin or stdout without exiting");
  }
  return failure;
}

void CoprocessSlot::log(std::string_view text) const {
  if (config_.options.log)
    config_.options.log(LogLevel::warning, fmt::format("slot {}: {}", hello_.slot, text));
}

}  // namespace wq::internal
