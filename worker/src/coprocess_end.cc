// What becomes of the items of a coprocess that has ended.
#include <algorithm>
#include <utility>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "child_failure.h"
#include "coprocess_slot.h"

namespace wq::internal {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLongestRestartDelay{30'000};
// Ends in a row before it was ready, or before it was given anything.
constexpr unsigned kMostStartsFailed = 5;

}  // namespace

void CoprocessSlot::on_end() {
  const Failure why = failure();
  process_.reset();
  std::deque<Piece> sent = std::exchange(sent_, {});
  std::vector<Item*> suspects;
  // Backwards, since each is put in front of what waits.
  for (; !sent.empty(); sent.pop_back()) {
    const Piece& piece = sent.back();
    const bool suspected = ending_why_ != Ending::stopped &&
                           (ending_why_ != Ending::hung || piece.first_id == hung_id_);
    if (suspected) {
      const std::vector<Item*> open = open_items(piece);
      suspects.insert(suspects.begin(), open.begin(), open.end());
    } else {
      put_back(open_items(piece), piece.alone);
    }
  }
  const bool halved = suspects.size() > 1;
  if (!answered_ && !halved && ending_why_ != Ending::stopped) ++ends_unanswered_;
  const unsigned doublings = std::min(ends_unanswered_, 16U);
  const milliseconds delay =
      std::min(terms_.restart_delay * (1U << doublings) / 2, kLongestRestartDelay);
  start_at_ = Clock::now() + (halved ? terms_.restart_delay : delay);
  if (!given_ && ending_why_ != Ending::stopped) {
    on_end_unready(why);
  } else if (!suspects.empty()) {
    charge(std::move(suspects), why);
  }
}

// It was given nothing, so that no item can be why.
void CoprocessSlot::on_end_unready(const Failure& why) {
  std::string text = fmt::format("the coprocess ended before it was {}: {}",
                                 ready_ ? "given anything" : "ready", why.message);
  const bool hopeless = ending_why_ == Ending::bad_line;
  if (!hopeless && ++starts_failed_ < kMostStartsFailed) {
    log(text + "; it is started again");
    return;
  }
  if (!hopeless) text += fmt::format("; {} times in a row", starts_failed_);
  fail_calls(ever_ready_ ? std::make_exception_ptr(CannotGoOn(text))
                         : std::make_exception_ptr(CannotRun(text)));
}

Failure CoprocessSlot::failure() {
  const bool closed = process_->closed_its_side();
  ChildResult result = process_->end();
  Failure failure = failure_of(result, terms_.memory_limit_bytes);
  const auto ended_by_us = [&failure](const char* kind, std::string message) {
    failure.kind = kind;
    failure.message = std::move(message);
    failure.exit_code.reset();
    failure.signal.reset();
  };
  if (ending_why_ == Ending::bad_line) {
    ended_by_us("protocol", bad_line_);
  } else if (ending_why_ == Ending::hung) {
    ended_by_us("timeout", fmt::format("no answer and no progress for {}", terms_.timeout));
  } else if (ending_why_ == Ending::not_ready) {
    ended_by_us("timeout", fmt::format("it was not ready within {}", terms_.start_timeout));
  } else if (closed) {
    ended_by_us("protocol", "it closed its stdin or stdout and went on");
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
    put_back({middle, suspects.end()}, true);
    put_back({suspects.begin(), middle}, true);
    return;
  }
  settle(*suspects.front(),
         failure.kind == "timeout" ? Outcome::fail(failure) : Outcome::crash(failure));
}

void CoprocessSlot::put_back(std::vector<Item*> items, bool alone) {
  if (items.empty()) return;
  Piece piece;
  piece.items = std::move(items);
  piece.alone = alone;
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
  while (!calls_.empty()) finish(*calls_.back(), error);
}

void CoprocessSlot::release_calls() {
  std::vector<Item*> items;
  for (const Piece& piece : std::exchange(todo_, {})) {
    items.insert(items.end(), piece.items.begin(), piece.items.end());
  }
  for (Item* item : items) settle(*item, Outcome::release());
}

}  // namespace wq::internal
