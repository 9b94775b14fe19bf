// The items of a slot: which wait, which the process has, and what becomes of each.
#include <algorithm>
#include <deque>
#include <iterator>
#include <utility>

#include <fmt/format.h>
#include <sys/eventfd.h>

#include "coprocess/slot.h"

namespace wq::internal {
namespace {

using std::chrono::milliseconds;

// Items that alone ended a process against the protocol, while none was ever answered.
constexpr unsigned kMostProtocolEnds = 3;
constexpr milliseconds kLongestRelease{3'600'000};

}  // namespace

void CoprocessSlot::work(const Batch& batch) {
  Call call{.batch = batch, .items = {}, .open = batch.leases.size(), .error = {}, .changed = {}};
  for (std::size_t i = 0; i < batch.leases.size(); ++i)
    call.items.push_back({.call = &call, .index = i});
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
      // An item that crashed before must not take others with it.
      piece.alone = piece.alone || call->batch.leases[item.index].crashes > 0;
    }
    todo_.push_back(std::move(piece));
  }
  new_calls_.clear();
  stopping_ = stop_.stop_requested();
  is_wanted_ = wanted_by_ > 0 && !error_ && !stopping_;
  return !ending_ || !calls_.empty();
}

// Sent items cannot be recalled: the process must end before they can be leased again.
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
  std::deque<Lease> resumed;  // a process that has ended had got on with them
  leases.reserve(piece.open);
  for (const Item* item : piece.items) {
    const Lease& lease = item->call->batch.leases[item->index];
    leases.push_back(item->checkpoint.empty() ? &lease : &resumed.emplace_back(lease));
    if (!item->checkpoint.empty()) resumed.back().checkpoint = item->checkpoint;
  }
  given_ = true;
  const std::string_view queue = piece.items.front()->call->batch.queue;
  process_->send(batch_line(queue, piece.first_id, leases));
}

void CoprocessSlot::put_back(std::vector<Item*> items, bool alone, Suspected suspected) {
  if (items.empty()) return;
  Piece piece;
  piece.items = std::move(items);
  piece.alone = alone;
  if (suspected == Suspected::no) piece.give_back_at = Clock::now() + kLongestWait;
  todo_.push_front(std::move(piece));
}

std::vector<CoprocessSlot::Item*> CoprocessSlot::open_items(const Piece& piece) {
  std::vector<Item*> open;
  std::copy_if(piece.items.begin(), piece.items.end(), std::back_inserter(open),
               [](const Item* item) { return item != nullptr; });
  return open;
}

void CoprocessSlot::charge(std::vector<Item*> suspects, const Failure& failure) {
  if (suspects.size() > 1) {
    log(
        fmt::format("the coprocess exited with {} unanswered items, which are retried in "
                    "halves: {}",
                    suspects.size(), failure.message));
    const auto middle = suspects.begin() + static_cast<std::ptrdiff_t>(suspects.size() / 2);
    put_back({middle, suspects.end()}, true, Suspected::yes);
    put_back({suspects.begin(), middle}, true, Suspected::yes);
    return;
  }
  Item& item = *suspects.front();
  if (failure.kind == FailureKind::protocol && !record_.useful) {
    blame_the_program(item, failure);
  } else {
    settle(item,
           failure.kind == FailureKind::timeout ? Outcome::fail(failure) : Outcome::crash(failure));
  }
}

// A program that says something else on its stdout, whatever it is given, would kill each item.
void CoprocessSlot::blame_the_program(Item& item, const Failure& failure) {
  const unsigned ends = ++record_.protocol_ends;
  if (ends >= kMostProtocolEnds) {
    fail_calls(std::make_exception_ptr(CannotRun(
        fmt::format("the coprocess broke the protocol {} times and never answered an item: {}",
                    ends, failure.message))));
    return;
  }
  log(
      fmt::format("the coprocess broke the protocol before it answered any item; the item is "
                  "released, uncharged: {}",
                  failure.message));
  // Late enough that the next process is given another item first, if there is one.
  const auto lived = std::chrono::ceil<milliseconds>(Clock::now() - started_at_);
  settle(item, Outcome::release(std::min(milliseconds{1'000} + 2 * lived, kLongestRelease)));
}

void CoprocessSlot::settle(Item& item, Outcome outcome) {
  Call& call = *item.call;
  call.batch.settle(item.index, std::move(outcome));
  if (--call.open == 0) finish(call, {});
}

// The call is gone after this.
void CoprocessSlot::finish(Call& call, std::exception_ptr error) {
  std::erase(calls_, &call);
  const std::lock_guard lock(mutex_);
  call.error = std::move(error);
  call.done = true;
  call.changed.notify_one();
}

void CoprocessSlot::fail_calls(const std::exception_ptr& error) {
  todo_.clear();
  {
    const std::lock_guard lock(mutex_);
    error_ = error;
    prepared_.notify_all();
  }
  while (!calls_.empty()) finish(*calls_.back(), error);
}

void CoprocessSlot::release_todo() {
  std::vector<Item*> items;
  for (const Piece& piece : std::exchange(todo_, {})) {
    items.insert(items.end(), piece.items.begin(), piece.items.end());
  }
  for (Item* item : items) settle(*item, Outcome::release(milliseconds::zero()));
}

// ---- the lines of the process ----

void CoprocessSlot::on_line(std::string_view line) {
  if (ending_why_ == Ending::bad_line) return;
  try {
    CoprocessLine read = read_coprocess_line(line);
    if (!ready_ && !read.ready) {
      throw BadLine(fmt::format("the first one must be {{\"wq\":{}}}", kCoprocessVersion));
    }
    if (read.ready) {
      ready_ = true;
      return;
    }
    for (CoprocessAnswer& answer : read.answers) {
      if (answer.outcome) set_reduction(answer.outcome->totals);
      on_answer(std::move(answer));
    }
  } catch (const BadLine& bad) {
    bad_line(line, bad.what());
  }
}

void CoprocessSlot::set_reduction(std::vector<Total>& totals) const {
  if (totals.empty()) return;
  if (!config_.options.reduce) {
    throw BadLine("it has \"totals\", and the worker does not reduce (wq-worker --reduce)");
  }
  for (Total& total : totals) total.how = *config_.options.reduce;
}

void CoprocessSlot::on_answer(CoprocessAnswer answer) {
  const auto piece = std::find_if(sent_.begin(), sent_.end(), [&](const Piece& each) {
    return answer.id - each.first_id < each.items.size();
  });
  Item* item = piece == sent_.end() ? nullptr : piece->items[answer.id - piece->first_id];
  if (item == nullptr) {
    throw BadLine(
        fmt::format("it answers item {}, which is unknown or already answered", answer.id));
  }
  piece->heard_at = Clock::now();
  piece->begun = true;
  if (answer.checkpoint) {
    item->checkpoint = *answer.checkpoint;
    item->call->batch.checkpoint(item->index, std::move(*answer.checkpoint));
  }
  if (!answer.outcome) return;

  answered_ = true;
  record_.useful = true;
  useless_ends_ = ends_unanswered_ = 0;
  piece->items[answer.id - piece->first_id] = nullptr;
  if (--piece->open == 0) {
    sent_.erase(piece);
    if (!sent_.empty()) sent_.front().heard_at = Clock::now();
  }
  Outcome& outcome = *answer.outcome;
  if (outcome.result && outcome.result->size() > config_.options.results_max_bytes) {
    // The work was done, and would be as long again.
    Failure failure;
    failure.kind = FailureKind::result;
    failure.message = fmt::format("the result is longer than {} bytes (--results-max-bytes)",
                                  config_.options.results_max_bytes);
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
      "line {} of its stdout is not a valid answer: {}: '{}'{}; write only answers to stdout, "
      "everything else to stderr",
      process_->lines() + (whole ? 0 : 1), why, shown, line.size() > kShown ? "..." : "");
  ending_why_ = Ending::bad_line;
  process_->ask_to_end();
}

}  // namespace wq::internal
