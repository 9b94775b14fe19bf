#include "coprocess/slot.h"

#include <algorithm>
#include <exception>
#include <new>
#include <optional>
#include <stop_token>
#include <system_error>
#include <utility>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>

#include "base/start_thread.h"
#include "child_failure.h"
#include "process/throw_errno.h"

namespace wq::internal {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kReadyWarning{5'000};

std::string text_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::bad_alloc&) {
    return "out of memory";
  } catch (const std::exception& known) {
    return known.what();
  } catch (...) {
    return "something was thrown that is no std::exception";
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
      hello_(config.hello),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!wake_) throw_errno("cannot make an event");
  hello_.slot = number;
  command_.origin.slot = number;
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

void CoprocessSlot::work(const Batch& batch) {
  Call call{.batch = batch, .items = {}, .open = batch.leases.size(), .error = {}, .changed = {}};
  for (std::size_t i = 0; i < batch.leases.size(); ++i) call.items.push_back({&call, i});
  {
    const std::lock_guard lock(mutex_);
    new_calls_.push_back(&call);
  }
  Wake{wake_}();
  const std::stop_callback on_stop(batch.stop, Wake{wake_});
  std::unique_lock lock(mutex_);
  call.changed.wait(lock, [&call] { return call.done; });
  if (call.error) std::rethrow_exception(call.error);
}

// ---- the thread ----

// Within its last catch: an exception that left the thread would end the worker, with all it holds.
void CoprocessSlot::refuse_all() {
  std::exception_ptr error = std::current_exception();
  try {
    error = std::make_exception_ptr(
        CannotGoOn("the thread that speaks with a coprocess failed: " + text_of(error)));
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
      const auto left = next_deadline() - Clock::now();
      const auto most = std::chrono::ceil<milliseconds>(std::min<Clock::duration>(
          std::max(left, Clock::duration::zero()), std::chrono::hours{1}));
      ::poll(&wake, 1, static_cast<int>(most.count()));
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

// False when it is over.
bool CoprocessSlot::take_calls() {
  eventfd_t ignored = 0;
  static_cast<void>(::eventfd_read(wake_.get(), &ignored));
  const std::lock_guard lock(mutex_);
  for (Call* call : new_calls_) {
    calls_.push_back(call);
    Piece piece;
    piece.give_back_at = Clock::now() + kLongestWait;
    for (Item& item : call->items) {
      piece.items.push_back(&item);
      // What has crashed before is not to take others with it.
      piece.alone = piece.alone || call->batch.leases[item.index].crashes > 0;
    }
    todo_.push_back(std::move(piece));
  }
  new_calls_.clear();
  stopping_ = stop_.stop_requested();
  is_wanted_ = wanted_by_ > 0 && !error_ && !stopping_;
  return !ending_ || !calls_.empty();
}

// What was sent cannot be had back, so the process must end before these items are anybody's.
void CoprocessSlot::give_up_stopped() {
  const auto stopped = [](const Item* item) {
    return item != nullptr && item->call->batch.stop.stop_requested();
  };
  if (std::none_of(calls_.begin(), calls_.end(),
                   [](const Call* call) { return call->batch.stop.stop_requested(); })) {
    return;
  }
  std::vector<Item*> given_up;
  for (Piece& piece : todo_) {
    std::copy_if(piece.items.begin(), piece.items.end(), std::back_inserter(given_up), stopped);
    std::erase_if(piece.items, stopped);
  }
  std::erase_if(todo_, [](const Piece& piece) { return piece.items.empty(); });
  for (Item* item : given_up) settle(*item, Outcome::release());
  const bool was_sent = std::any_of(sent_.begin(), sent_.end(), [&](const Piece& piece) {
    return std::any_of(piece.items.begin(), piece.items.end(), stopped);
  });
  if (!was_sent || process_->asked_to_end()) return;
  ending_why_ = Ending::stopped;
  process_->ask_to_end();
}

// The worker begins nothing more: what was not begun goes back.
void CoprocessSlot::end_if_stopping() {
  release_todo();
  if (!process_ || process_->asked_to_end()) return;
  if (ready_ && sent_.empty()) {
    process_->close_stdin();
    return;
  }
  // What it works on may be finished; the batch behind that, of which nothing was heard, is not
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

// Somebody else may be ready for these.
void CoprocessSlot::give_back_late() {
  if (accepts()) return;
  const auto now = Clock::now();
  std::vector<Item*> late;
  for (Piece& piece : todo_) {
    if (piece.give_back_at > now) continue;
    late.insert(late.end(), piece.items.begin(), piece.items.end());
    piece.items.clear();
  }
  std::erase_if(todo_, [](const Piece& piece) { return piece.items.empty(); });
  for (Item* item : late) settle(*item, Outcome::release(milliseconds::zero()));
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
  log(fmt::format("{}; it is tried again", why));
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

void CoprocessSlot::send_pieces() {
  while (accepts() && !todo_.empty()) {
    if (!sent_.empty() && (todo_.front().alone || sent_.front().alone)) return;
    const std::uint64_t given = next_id_ - 1;
    send_front(hello_.max_items == 0 ? Queue::kMaxBatch : hello_.max_items - given);
    retiring_ = hello_.max_items > 0 && next_id_ > hello_.max_items;
    if (retiring_) process_->send_no_more();
  }
}

// Up to `most` items; the others stay in front.
void CoprocessSlot::send_front(std::size_t most) {
  Piece& front = todo_.front();
  const auto end =
      front.items.begin() + static_cast<std::ptrdiff_t>(std::min(most, front.items.size()));
  Piece& piece = sent_.emplace_back();
  piece.items.assign(front.items.begin(), end);
  piece.alone = front.alone;
  front.items.erase(front.items.begin(), end);
  if (front.items.empty()) todo_.pop_front();
  piece.first_id = next_id_;
  piece.open = piece.items.size();
  piece.heard_at = Clock::now();
  next_id_ += piece.open;
  std::vector<const Lease*> leases;
  leases.reserve(piece.open);
  for (const Item* item : piece.items) leases.push_back(&item->call->batch.leases[item->index]);
  given_ = true;
  process_->send(batch_line(piece.first_id, leases));
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
    const auto ready_by = started_at_ + config_.start_timeout;
    return warned_ ? ready_by : std::min(ready_by, started_at_ + kReadyWarning);
  }
  if (sent_.empty() || config_.timeout == milliseconds::zero()) return kNever;
  return sent_.front().heard_at + config_.timeout;
}

void CoprocessSlot::enforce_deadlines() {
  const auto now = Clock::now();
  if (now < process_deadline()) return;
  if (ready_) {
    ending_why_ = Ending::hung;
    hung_id_ = sent_.front().first_id;
    process_->ask_to_end();
  } else if (now >= started_at_ + config_.start_timeout) {
    ending_why_ = Ending::not_ready;
    process_->ask_to_end();
  } else {
    warned_ = true;
    log(fmt::format(
        "the coprocess has not said {{\"wq\":{}}} for {}: it gets no items yet; it may be loading, "
        "or it may not have flushed its stdout",
        kCoprocessVersion, std::chrono::duration_cast<std::chrono::seconds>(kReadyWarning)));
  }
}

void CoprocessSlot::log(std::string_view text) const {
  if (config_.log) config_.log(LogLevel::warning, fmt::format("slot {}: {}", hello_.slot, text));
}

}  // namespace wq::internal
