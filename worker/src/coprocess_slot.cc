#include "coprocess_slot.h"

#include <algorithm>
#include <optional>
#include <stop_token>
#include <system_error>
#include <utility>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>

#include "child_failure.h"
#include "pure/start_thread.h"
#include "throw_errno.h"

namespace wq::internal {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kReadyWarning{30'000};

}  // namespace

CoprocessSlot::CoprocessSlot(const CoprocessTerms& terms, unsigned number, OrphanReaper& reaper)
    : terms_(terms),
      reaper_(reaper),
      command_(terms.command),
      hello_(terms.hello),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!wake_) throw_errno("cannot make an event");
  hello_.slot = number;
  command_.environment.push_back("WQ_SLOT=" + std::to_string(number));
  thread_ = start_thread<std::thread>(fmt::format("the thread of slot {}'s process", number),
                                      [this] { run(); });
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
  ::eventfd_write(wake_.get(), 1);
}

void CoprocessSlot::work(const Batch& batch) {
  Call call{.batch = batch, .items = {}, .open = batch.leases.size(), .error = {}, .changed = {}};
  for (std::size_t i = 0; i < batch.leases.size(); ++i) call.items.push_back({&call, i});
  {
    const std::lock_guard lock(mutex_);
    new_calls_.push_back(&call);
  }
  ::eventfd_write(wake_.get(), 1);
  const std::stop_callback on_stop(batch.stop, [this] { ::eventfd_write(wake_.get(), 1); });
  std::unique_lock lock(mutex_);
  call.changed.wait(lock, [&call] { return call.done; });
  if (call.error) std::rethrow_exception(call.error);
}

// ---- the thread ----

void CoprocessSlot::run() {
  const auto on_line = [this](std::string_view line) { this->on_line(line); };
  while (take_calls()) {
    give_up_stopped();
    start_if_due();
    if (!process_) {
      pollfd wake{.fd = wake_.get(), .events = POLLIN, .revents = 0};
      const auto left = next_deadline() - Clock::now();
      const auto most = std::chrono::ceil<milliseconds>(std::min<Clock::duration>(
          std::max(left, Clock::duration::zero()), std::chrono::hours{1}));
      ::poll(&wake, 1, static_cast<int>(most.count()));
      continue;
    }
    send_pieces();
    const bool lives = process_->wait(wake_.get(), next_deadline(), on_line);
    if (!process_->too_long_line().empty()) {
      bad_line(process_->too_long_line(),
               fmt::format("it is longer than {} bytes", terms_.max_line_bytes));
    }
    if (lives) {
      enforce_deadlines();
    } else {
      on_end();
    }
  }
  if (!process_) return;
  process_->close_stdin();
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
    for (Item& item : call->items) {
      piece.items.push_back(&item);
      // What has crashed before is not to take others with it.
      piece.alone = piece.alone || call->batch.leases[item.index].crashes > 0;
    }
    todo_.push_back(std::move(piece));
  }
  new_calls_.clear();
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

void CoprocessSlot::start_if_due() {
  if (process_ || todo_.empty() || Clock::now() < start_at_) return;
  try {
    start();
  } catch (const std::system_error& error) {
    process_.reset();
    log(fmt::format("{}; the items are released for later", error.what()));
    release_calls();
  }
}

void CoprocessSlot::start() {
  process_ = std::make_unique<Coprocess>(command_, reaper_, terms_.max_line_bytes);
  const int error = process_->start();
  if (error != 0) {
    process_.reset();
    const std::string why = fmt::format("cannot run '{}': {}", command_.arguments.front(),
                                        exec_error_text(error, command_.paths));
    if (is_programs_fault(error)) {
      fail_calls(std::make_exception_ptr(CannotRun(why)));
    } else {
      log(why + "; the items are released for later");
      release_calls();
    }
    return;
  }
  ready_ = answered_ = given_ = warned_ = false;
  ending_why_ = Ending::by_itself;
  bad_line_.clear();
  next_id_ = 1;
  started_at_ = Clock::now();
  process_->send(hello_line(hello_));
}

void CoprocessSlot::send_pieces() {
  while (ready_ && !process_->asked_to_end() && !todo_.empty()) {
    if (!sent_.empty() && (todo_.front().alone || sent_.front().alone)) return;
    sent_.push_back(std::move(todo_.front()));
    todo_.pop_front();
    Piece& piece = sent_.back();
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
}

Coprocess::Clock::time_point CoprocessSlot::next_deadline() const {
  constexpr auto kNever = Clock::time_point::max();
  if (!process_) return todo_.empty() ? kNever : start_at_;
  if (process_->asked_to_end()) return kNever;
  if (!ready_) {
    const auto ready_by = started_at_ + terms_.start_timeout;
    return warned_ ? ready_by : std::min(ready_by, started_at_ + kReadyWarning);
  }
  if (sent_.empty() || terms_.timeout == milliseconds::zero()) return kNever;
  return sent_.front().heard_at + terms_.timeout;
}

void CoprocessSlot::enforce_deadlines() {
  const auto now = Clock::now();
  if (now < next_deadline()) return;
  if (ready_) {
    ending_why_ = Ending::hung;
    hung_id_ = sent_.front().first_id;
    process_->ask_to_end();
  } else if (now >= started_at_ + terms_.start_timeout) {
    ending_why_ = Ending::not_ready;
    process_->ask_to_end();
  } else {
    warned_ = true;
    log(fmt::format(
        "the coprocess has not said {{\"wq\":{}}} for {}, so it is given nothing yet "
        "(is its stdout flushed?)",
        kCoprocessVersion, std::chrono::duration_cast<std::chrono::seconds>(kReadyWarning)));
  }
}

void CoprocessSlot::on_line(std::string_view line) {
  if (ending_why_ == Ending::bad_line) return;
  try {
    CoprocessLine read = read_coprocess_line(line);
    if (!ready_ && !read.ready) {
      throw BadLine(fmt::format("the first one must be {{\"wq\":{}}}", kCoprocessVersion));
    }
    if (read.ready) {
      ready_ = ever_ready_ = true;
      return;
    }
    for (CoprocessAnswer& answer : read.answers) on_answer(std::move(answer));
  } catch (const BadLine& bad) {
    bad_line(line, bad.what());
  }
}

void CoprocessSlot::on_answer(CoprocessAnswer answer) {
  const auto piece = std::find_if(sent_.begin(), sent_.end(), [&](const Piece& each) {
    return answer.id - each.first_id < each.items.size();
  });
  Item* item = piece == sent_.end() ? nullptr : piece->items[answer.id - piece->first_id];
  if (item == nullptr) {
    throw BadLine(fmt::format("it answers item {}, which it was not given or has answered before",
                              answer.id));
  }
  piece->heard_at = Clock::now();
  if (!answer.outcome) return;

  answered_ = true;
  starts_failed_ = ends_unanswered_ = 0;
  piece->items[answer.id - piece->first_id] = nullptr;
  if (--piece->open == 0) {
    sent_.erase(piece);
    if (!sent_.empty()) sent_.front().heard_at = Clock::now();
  }
  Outcome& outcome = *answer.outcome;
  if (outcome.result && outcome.result->size() > terms_.results_max_bytes) {
    // The work was done, and would be as long again.
    Failure failure;
    failure.kind = "result";
    failure.message =
        fmt::format("its result has more than the {} bytes that one may have (--results-max-bytes)",
                    terms_.results_max_bytes);
    outcome = Outcome::fatal(std::move(failure));
  }
  settle(*item, std::move(outcome));
}

void CoprocessSlot::bad_line(std::string_view line, std::string_view why) {
  if (ending_why_ == Ending::bad_line) return;
  constexpr std::size_t kShown = 80;
  std::string shown;
  for (const char byte : line.substr(0, kShown)) {
    const auto code = static_cast<unsigned char>(byte);
    shown += code >= 0x20 && code < 0x7f ? std::string(1, byte) : fmt::format("\\x{:02x}", code);
  }
  const bool whole = process_->too_long_line().empty();
  bad_line_ = fmt::format(
      "line {} of its stdout is no answer: {}: '{}'{}; stdout is for answers alone, everything "
      "else belongs on stderr",
      process_->lines() + (whole ? 0 : 1), why, shown, line.size() > kShown ? "..." : "");
  ending_why_ = Ending::bad_line;
  process_->ask_to_end();
}

void CoprocessSlot::log(std::string_view text) const {
  if (terms_.log) terms_.log(LogLevel::warning, fmt::format("slot {}: {}", hello_.slot, text));
}

}  // namespace wq::internal
