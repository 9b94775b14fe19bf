// What becomes of the items of a coprocess that has ended.
#include <algorithm>
#include <utility>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "child_failure.h"
#include "coprocess/slot.h"

namespace wq::internal {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLongestRestartDelay{30'000};
// Ends in a row for which no item can be blamed; a process that is not ready in time takes longest.
constexpr unsigned kMostUselessEnds = 5;
constexpr unsigned kMostStartTimeouts = 2;
// Items that alone ended a process against the protocol, while none was ever answered.
constexpr unsigned kMostProtocolEnds = 3;
constexpr milliseconds kLongestRelease{3'600'000};

}  // namespace

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
    log(fmt::format("the coprocess ended with nothing to do: {}", why.message));
  }
}

void CoprocessSlot::restart_later(bool halved, bool left) {
  start_at_ = Clock::now();
  if (answered_ && left) return;  // it wants to be replaced
  if (!answered_ && !halved) ++ends_unanswered_;
  const unsigned doublings = std::min(ends_unanswered_, 16U);
  start_at_ += halved
                   ? config_.restart_delay
                   : std::min(config_.restart_delay * (1U << doublings) / 2, kLongestRestartDelay);
}

// No item can be why: it was given none, or left without a word.
void CoprocessSlot::on_useless_end(const Failure& why) {
  const char* when = given_ ? "without an answer" : "before it was given anything";
  std::string text =
      fmt::format("the coprocess ended {}: {}", ready_ ? when : "before it was ready", why.message);
  const bool hopeless = ending_why_ == Ending::bad_line && !(ready_ && record_.useful);
  const unsigned most = ending_why_ == Ending::not_ready ? kMostStartTimeouts : kMostUselessEnds;
  if (!hopeless && ++useless_ends_ < most) {
    log(text + "; it is started again");
    return;
  }
  if (!hopeless) text += fmt::format("; {} times in a row", useless_ends_);
  fail_calls(record_.useful ? std::make_exception_ptr(CannotGoOn(text))
                            : std::make_exception_ptr(CannotRun(text)));
}

Failure CoprocessSlot::failure() {
  const bool closed = process_->closed_its_side();
  ChildResult result = process_->end();
  Failure failure = failure_of(result, config_.memory_limit_bytes);
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
                fmt::format("no answer and no progress for {}", config_.timeout));
  } else if (ending_why_ == Ending::not_ready) {
    ended_by_us(FailureKind::timeout,
                fmt::format("it was not ready within {}", config_.start_timeout));
  } else if (closed) {
    ended_by_us(FailureKind::protocol, "it closed its stdin or stdout and went on");
  }
  return failure;
}

void CoprocessSlot::charge(std::vector<Item*> suspects, const Failure& failure) {
  if (suspects.size() > 1) {
    log(
        fmt::format("the coprocess ended with {} items unanswered, which are tried again in "
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
    fail_calls(std::make_exception_ptr(CannotRun(fmt::format(
        "the coprocess has broken the protocol {} times, and never answered an item: {}", ends,
        failure.message))));
    return;
  }
  log(
      fmt::format("the coprocess broke the protocol before it had answered any item, so the item "
                  "is released uncharged: {}",
                  failure.message));
  // Late enough that the next process is given another item first, if there is one.
  const auto lived = std::chrono::ceil<milliseconds>(Clock::now() - started_at_);
  settle(item, Outcome::release(std::min(milliseconds{1'000} + 2 * lived, kLongestRelease)));
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

}  // namespace wq::internal
