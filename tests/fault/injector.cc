#include "fault/injector.h"

#include <algorithm>
#include <array>
#include <utility>

namespace wq::fault {
namespace {

using std::chrono::milliseconds;

struct Kind {
  Fault fault;
  std::string_view name;
  unsigned weight;  // how likely beside the others; 0: not injected
};

// What costs a run seconds is rare, what costs it nothing is frequent.
constexpr std::array kKinds{
    Kind{Fault::cut, "connection cut", 30},
    Kind{Fault::half_answer, "cut in the middle of an answer", 10},
    Kind{Fault::silence, "connection silent (half-open)", 1},
    Kind{Fault::delay, "delayed", 10},
    Kind{Fault::kill, "kill -9", 12},
    Kind{Fault::terminate, "SIGTERM", 6},
    Kind{Fault::suspend, "SIGSTOP beyond the lease, SIGCONT", 4},
    Kind{Fault::redis_kill, "Redis killed, restarted from its AOF", 4},
    Kind{Fault::redis_kill_writing, "Redis killed while it writes its AOF", 4},
    Kind{Fault::redis_freeze, "Redis stopped beyond the lease", 1},
    Kind{Fault::redis_pause, "CLIENT PAUSE", 3},
    Kind{Fault::flush_scripts, "SCRIPT FLUSH", 6},
    Kind{Fault::kill_connections, "CLIENT KILL of all", 4},
    Kind{Fault::second_reclaimer, "a second reclaimer elected", 4},
    Kind{Fault::gc, "wqctl gc beside the reclaimer", 2},
    Kind{Fault::handler_kills_itself, "handler killed itself", 0},
    Kind{Fault::handler_kills_worker, "handler killed its worker", 0},
    Kind{Fault::handler_fails, "handler failed", 0},
    Kind{Fault::handler_outlasts_lease, "handler outlasted its lease", 0},
    Kind{Fault::python_kill, "RedisWQ client killed", 0},
    Kind{Fault::torn_by_kill, "AOF torn by a kill", 0},
    Kind{Fault::torn_by_hand, "AOF torn by hand after a kill", 0},
};

// The commands whose transactions are large.
bool writes(const Moment& moment) {
  return moment.point == Point::request && (moment.command == "push" || moment.command == "settle");
}

}  // namespace

std::string_view name_of(Fault fault) {
  const auto* const kind = std::find_if(kKinds.begin(), kKinds.end(),
                                        [&](const Kind& each) { return each.fault == fault; });
  return kind->name;
}

std::string_view name_of(Point point) {
  switch (point) {
    case Point::request:
      return "before Redis sees it";
    case Point::executed:
      return "before its answer arrives";
    case Point::answered:
      return "after its answer";
  }
  return "";
}

void Tally::add(const Tally& other) {
  for (const auto& [place, n] : other.counts_) counts_[place] += n;
}

std::uint64_t Tally::total() const {
  std::uint64_t sum = 0;
  for (const auto& [place, n] : counts_) sum += n;
  return sum;
}

std::uint64_t Tally::at(const std::string& command, Point point) const {
  std::uint64_t sum = 0;
  for (const auto& [place, n] : counts_) {
    if (std::get<1>(place) == command && std::get<2>(place) == point) sum += n;
  }
  return sum;
}

std::size_t Tally::moments() const {
  std::set<std::pair<std::string, Point>> found;
  for (const auto& [place, n] : counts_) found.emplace(std::get<1>(place), std::get<2>(place));
  return found.size();
}

Injector::Injector(Config config)
    : config_(std::move(config)), random_(config_.seed), next_at_(Clock::now() + pause()) {}

Verdict Injector::judge(const Moment& moment) {
  std::unique_lock lock(mutex_);
  if (finished_ || order_ || Clock::now() < next_at_ || tally_.total() >= config_.faults) {
    return Verdict::pass;
  }
  if (!chosen(moment)) return Verdict::pass;
  const auto fault = pick(moment);
  if (!fault) return Verdict::pass;
  tally_.add({*fault, moment.command, moment.point});
  next_at_ = Clock::now() + pause();
  return carry_out(*fault, moment, lock);
}

// With a likelihood that falls with how often this moment was hit, compared with the others.
bool Injector::chosen(const Moment& moment) {
  // How a connection begins is the same for everybody, and seen whenever one was cut.
  static const std::set<std::string> kGreetings{"CLIENT", "INFO", "PING", "SCRIPT", "TYPE"};
  const std::uint64_t hits =
      tally_.at(moment.command, moment.point) + (kGreetings.contains(moment.command) ? 10 : 0);
  if (hits == 0) return true;
  const double mean =
      static_cast<double>(tally_.total()) / static_cast<double>(tally_.moments() + 1);
  std::uniform_real_distribution<double> any(0.0, 1.0);
  return any(random_) < 0.2 * mean / static_cast<double>(hits);
}

std::optional<Fault> Injector::pick(const Moment& moment) {
  const std::set<Fault>& allowed = config_.allowed.at(moment.client);
  std::vector<unsigned> weights;
  for (const Kind& kind : kKinds) {
    const bool fits = allowed.contains(kind.fault) &&
                      (kind.fault != Fault::half_answer || moment.point == Point::executed) &&
                      (kind.fault != Fault::redis_kill_writing || writes(moment));
    weights.push_back(fits ? kind.weight : 0);
  }
  if (std::all_of(weights.begin(), weights.end(), [](unsigned weight) { return weight == 0; })) {
    return std::nullopt;
  }
  std::discrete_distribution<std::size_t> distribution(weights.begin(), weights.end());
  return kKinds.at(distribution(random_)).fault;
}

Verdict Injector::carry_out(Fault fault, const Moment& moment, std::unique_lock<std::mutex>& lock) {
  switch (fault) {
    case Fault::cut:
      return Verdict::cut;
    case Fault::half_answer:
      return Verdict::half;
    case Fault::silence:
      return Verdict::silence;
    case Fault::delay: {
      const milliseconds time{std::uniform_int_distribution<int>(1, 300)(random_)};
      changed_.wait_for(lock, time, [this] { return finished_; });
      return Verdict::pass;
    }
    default:
      break;
  }
  order_ = Order{fault, moment.client};
  taken_ = false;
  // It is carried out up to two milliseconds early or late, as intended.
  if (fault == Fault::redis_kill_writing) return Verdict::pass;
  changed_.wait(lock, [this] { return !order_ || finished_; });
  const bool connection_survives =
      fault != Fault::kill && fault != Fault::redis_kill && fault != Fault::kill_connections;
  return connection_survives ? Verdict::pass : Verdict::cut;
}

std::optional<Injector::Order> Injector::next_order() {
  const std::lock_guard lock(mutex_);
  if (!order_ || taken_) return std::nullopt;
  taken_ = true;
  return order_;
}

void Injector::done() {
  const std::lock_guard lock(mutex_);
  order_.reset();
  changed_.notify_all();
}

void Injector::finish() {
  const std::lock_guard lock(mutex_);
  finished_ = true;
  order_.reset();
  changed_.notify_all();
}

Tally Injector::tally() const {
  const std::lock_guard lock(mutex_);
  return tally_;
}

milliseconds Injector::pause() {
  const auto most = static_cast<int>(2 * config_.apart.count());
  return milliseconds{std::uniform_int_distribution<int>(0, most)(random_)};
}

}  // namespace wq::fault
