#include "worker/wait_notice.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <wq/error.h>

#include "base/printable.h"

namespace wq::internal {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kSilent{2};
constexpr seconds kAgain{60};

// Redis writes scores as whole numbers here; anybody may write others.
std::int64_t number(std::string_view text) {
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::string others_text(const Counts& counts) {
  std::string text = "nothing is ready";
  if (counts.processing > 0) {
    text += fmt::format("; {} item{} held by other workers", counts.processing,
                        counts.processing == 1 ? " is" : "s are");
  }
  if (counts.delayed > 0) {
    text += fmt::format("; {} wait{} for a retry", counts.delayed, counts.delayed == 1 ? "s" : "");
  }
  return text;
}

}  // namespace

WaitNotice::WaitNotice(const Keys& keys, ReconnectingConnection& link, const WorkerOptions& options)
    : keys_(keys), link_(link), options_(options) {}

void WaitNotice::tell(const Counts& counts, TimePoint now, std::size_t ready_slots) {
  tell(counts, now, ready_slots, [this] { return about_producer(); });
}

void WaitNotice::tell_at_rest(const Counts& counts, TimePoint now) {
  tell(counts, now, 1, [] { return std::string(); });
}

template <typename AboutProducer>
void WaitNotice::tell(const Counts& counts, TimePoint now, std::size_t ready_slots,
                      AboutProducer about_producer) {
  if (!options_.log) return;
  const For what = what_is_waited_for(counts, ready_slots);
  if (std::exchange(what_, what) != what) {
    since_ = now;
    next_ = now + kSilent;
  }
  if (what == For::nothing || now < next_) return;
  const auto waited = std::chrono::duration_cast<seconds>(now - since_);
  next_ = now + kAgain;
  const std::string why = (what_ == For::queue ? "" : prefix_) + text(counts) +
                          (what_ == For::producer ? about_producer() : "");
  options_.log(LogLevel::info, waited < kAgain
                                   ? fmt::format("waiting: {}", why)
                                   : fmt::format("still waiting, for {}: {}", waited, why));
}

void WaitNotice::set_stage(const std::string& queue, const Counts& counts) {
  stage_ = fmt::format("the queue is empty, and the queue {} before it ", printable(queue));
  if (counts.id.empty()) {
    stage_ += fmt::format("has not begun; the worker exits {} after its start if it does not",
                          std::chrono::duration_cast<seconds>(options_.wait_open));
  } else if (counts.drained()) {
    stage_ += fmt::format("has {} dead letter{} (wqctl retry, wqctl drop)", counts.dead,
                          counts.dead == 1 ? "" : "s");
  } else {
    stage_ += fmt::format("is not drained: ready {}, processing {}, delayed {}, producers {}{}",
                          counts.ready, counts.processing, counts.delayed, counts.producers,
                          counts.paused ? ", paused" : "");
  }
}

WaitNotice::For WaitNotice::what_is_waited_for(const Counts& counts,
                                               std::size_t ready_slots) const {
  if (!stage_.empty()) return For::stage;
  if (counts.id.empty()) return For::queue;
  if (ready_slots == 0) return For::slots;
  if (counts.paused) return For::resume;
  if (counts.ready > 0) return For::nothing;
  if (counts.processing + counts.delayed > 0) return For::others;
  return counts.producers > 0 ? For::producer : For::nothing;
}

std::string WaitNotice::text(const Counts& counts) const {
  switch (what_) {
    case For::queue:
      if (!group_.empty()) {
        return fmt::format(
            "no queue that matches {} has begun; the worker exits {} after its start if none does",
            group_, std::chrono::duration_cast<seconds>(options_.wait_open));
      }
      return fmt::format(
          "the queue {} has not begun: no item was pushed{}; the worker exits {} after its "
          "start if no item is pushed{}",
          printable(keys_.queue()),
          options_.other_queues ? options_.other_queues(keys_.queue()) : "",
          std::chrono::duration_cast<seconds>(options_.wait_open),
          prefix_.empty() ? "" : " and its other queues are drained");
    case For::slots:
      return "no slot is ready yet";
    case For::resume:
      return "the queue is paused (wqctl resume)";
    case For::producer:
      return counts.producers == 1
                 ? "the queue is empty, and a producer holds it open"
                 : fmt::format("the queue is empty, and {} producers hold it open",
                               counts.producers);
    case For::others:
      return others_text(counts);
    case For::stage:
      return stage_;
    case For::nothing:
      break;
  }
  return "";
}

// Of the one whose hold ends first.
std::string WaitNotice::about_producer() const {
  return link_.run([this](Connection& redis) -> std::string {
    const auto [time, first] = redis.ask({{"TIME"},
                                          {"ZRANGEBYSCORE", keys_[Key::producers], "-inf", "+inf",
                                           "WITHSCORES", "LIMIT", "0", "1"}});
    if (first.checked().value().size() < 2) return "";
    const Reply session =
        redis.call({"HMGET", keys_.replay(first.value()[0].text()), "hold_ms", "who"});
    if (session.value().size() < 2 || !session.value()[0].is_text()) return "";
    const milliseconds hold{number(session.value()[0].text())};
    const milliseconds silent =
        milliseconds{time.checked().value().time_ms() - number(first.value()[1].text())} + hold;
    const std::string who = session.value()[1].is_text() ? printable(session.value()[1].text())
                                                         : std::string(first.value()[0].text());
    return fmt::format(
        ": {}, last heartbeat {} ago; if it died, its hold expires within {} of its last "
        "heartbeat",
        who, std::chrono::duration_cast<seconds>(std::max(silent, milliseconds{0})),
        std::chrono::duration_cast<seconds>(2 * hold));
  });
}

}  // namespace wq::internal
