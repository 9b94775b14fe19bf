#include "worker/queue_list.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "queue/server_check.h"
#include "worker/sums.h"

namespace wq::internal {
namespace {

constexpr std::chrono::milliseconds kPausedWait{500};

}  // namespace

QueueList::QueueList(std::span<const QueueShare> queues, const SourceContext& context,
                     const OnLost& on_lost, Sources& sources)
    : sources_(sources), scheduler_(queues, context.options), open_(queues.size()) {
  for (QueueIndex queue = 0; queue < queues.size(); ++queue) {
    auto source = std::make_shared<QueueSource>(
        queues[queue].queue, context,
        [queue, on_lost](std::span<const std::uint64_t> fences) { on_lost(queue, fences); });
    if (queues.size() > 1) source->name_queue();
    sources_.add(std::move(source));
  }
}

void QueueList::begin() {
  for (const auto& each : sources_) each->record_stages();
}

// One that cannot be asked yet would get the more later, and the shares be met late.
bool QueueList::can_divide(TimePoint now) {
  bool all_can_be_asked = true;
  for (QueueIndex queue = 0; queue < sources_.size(); ++queue) {
    const QueueSource& source = sources_[queue];
    open_[queue] = now >= source.dry_until();
    if (open_[queue] && source.outstanding() >= kRequestsInFlight) all_can_be_asked = false;
  }
  return all_can_be_asked;
}

void QueueList::divide(std::size_t want, std::size_t /*ahead*/, TimePoint now,
                       std::vector<std::size_t>& shares) {
  scheduler_.divide(want, open_, now, shares);
}

void QueueList::not_asked(QueueIndex queue, std::size_t items) {
  scheduler_.answered(queue, items);
}

void QueueList::answered(QueueIndex queue, std::size_t asked, std::size_t popped) {
  scheduler_.answered(queue, asked - std::min(asked, popped));
}

TimePoint QueueList::asks_again(TimePoint now) const {
  TimePoint next = TimePoint::max();
  for (const auto& each : sources_) {
    if (now < each->dry_until()) next = std::min(next, each->dry_until());
  }
  return next;
}

void QueueList::note_progress() {
  for (const auto& each : sources_) {
    each->waits_no_more();
    if (each->leased() > 0 && !each->has_met()) each->look();
  }
}

void QueueList::ask_at_once() {
  for (const auto& each : sources_) each->ask_at_once();
}

bool QueueList::may_get_more(QueueIndex queue) { return sources_[queue].may_get_more(); }

Intake::Look QueueList::look() {
  Look all;
  for (const auto& each : sources_) {
    const QueueState state = each->look();
    all.drained = all.drained && state != QueueState::open;
    all.begun = all.begun && state != QueueState::not_begun;
    all.dead_before = std::max(all.dead_before, each->dead_before());
  }
  return all;
}

bool QueueList::nothing_has_moved() {
  if (sources_.size() == 1) return true;
  return std::all_of(sources_.begin(), sources_.end(), [](const auto& each) {
    const Counts before = each->counts();
    return each->look() == QueueState::drained && !has_moved(before, each->counts());
  });
}

std::optional<std::vector<std::string>> QueueList::mark_look(std::uint64_t mark) {
  std::vector<std::string> keys;
  for (const auto& each : sources_) {
    if (!each->mark_look(mark)) return std::nullopt;
    keys.push_back(each->mark_key());
  }
  return keys;
}

void QueueList::reconnect() noexcept {
  for (const auto& each : sources_) each->reconnect();
}

void QueueList::tell_wait(TimePoint now, std::size_t ready_slots) {
  for (const auto& each : sources_) each->tell_wait(now, ready_slots);
}

std::optional<TimePoint> QueueList::wait_for_item(const ItemWait& wait) {
  if (sources_.size() == 1 && sources_[0].may_rest(wait.idle)) {
    sources_[0].rest(wait);
    return {};
  }
  std::vector<QueueSource*> running;
  for (const auto& each : sources_) {
    if (!each->counts().paused) running.push_back(each.get());
  }
  // After a wait that was cut short, a pop is tried from time to time.
  if (!running.empty() && QueueSource::wait_for_any(running, kLongestWaitForItem)) return {};
  return BootClock::now() + kPausedWait;
}

std::vector<Counts> QueueList::counts() const {
  std::vector<Counts> counts;
  for (const auto& each : sources_.all()) counts.push_back(each->counts());
  return counts;
}

std::vector<WorkerStats> QueueList::stats(const std::vector<WorkerStats>& handlers) const {
  std::vector<WorkerStats> all = sources_.stats();
  for (QueueIndex queue = 0; queue < all.size(); ++queue) add(all[queue], handlers[queue]);
  return all;
}

void QueueList::check(Connection& connection, const std::string& tag) const {
  for (const auto& each : sources_.all()) {
    if (each->keys().hash_tag() == tag) static_cast<void>(check_server(connection, each->keys()));
  }
}

void QueueList::read_counts_again() {
  for (const auto& each : sources_.all()) each->read_counts_again();
}

std::vector<Intake::Body> QueueList::reclaimers() {
  std::vector<Body> bodies;
  for (const auto& each : sources_) {
    bodies.emplace_back(
        [source = each](const std::stop_token& stop) { source->reclaimer().run(stop); });
  }
  return bodies;
}

}  // namespace wq::internal
