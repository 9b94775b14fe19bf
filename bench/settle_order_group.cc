#include <algorithm>
#include <deque>
#include <iterator>
#include <random>
#include <utility>

#include <fmt/format.h>

#include "base/random.h"
#include "bench/groups.h"
#include "queue/lease_stream.h"
#include "queue/server_check.h"

namespace wq::bench {
namespace {

using namespace std::chrono_literals;

constexpr Goal kOrderGoal{Goal::Kind::ratio_at_least, 0.85};
constexpr std::size_t kOrderInFlight = 2;

enum class Order { of_lease, random };

struct OrderSetting {
  std::size_t held;
  std::size_t batch;
  Order order;
  std::uint64_t items;
};

/// One worker without threads and handlers, that always holds so many leases.
class Holder {
 public:
  Holder(Bench& bench, const OrderSetting& setting)
      : setting_(setting), link_(bench.redis(), {}), stream_(link_, keys_, internal::random_id()) {
    stream_.set_terms(60s, {});
  }

  void lease_all() {
    while (held_.size() + stream_.popped() < setting_.held) {
      const std::size_t missing = setting_.held - held_.size() - stream_.popped();
      stream_.post({}, std::min(missing, Queue::kMaxBatch));
      take();
    }
    stream_.post({}, 0);
    take();
    check_equal(held_.size(), setting_.held, "leases held to begin with");
  }

  /// Settles `n` items and takes new ones for them.
  void run(std::uint64_t n) {
    for (std::uint64_t posted = 0; settled_ < n;) {
      while (stream_.outstanding() < kOrderInFlight) {
        std::vector<Settlement> chosen = choose(n - posted);
        if (chosen.empty() && !stream_.has_unasked()) break;
        posted += chosen.size();
        const std::size_t want = chosen.size();
        stream_.post(std::move(chosen), want);
      }
      take();
    }
  }

  [[nodiscard]] std::uint64_t settled() const noexcept { return settled_; }

 private:
  std::vector<Settlement> choose(std::uint64_t at_most) {
    std::vector<Settlement> chosen;
    const std::uint64_t wanted = std::min<std::uint64_t>(setting_.batch, at_most);
    while (chosen.size() < wanted && !held_.empty()) {
      if (setting_.order == Order::random) {
        std::uniform_int_distribution<std::size_t> any(0, held_.size() - 1);
        std::swap(held_.front(), held_[any(random_)]);
      }
      chosen.push_back({std::move(held_.front()), Outcome::complete()});
      held_.pop_front();
    }
    return chosen;
  }

  void take() {
    internal::LeaseStream::Answer answer = stream_.take();
    for (const Settled settled : answer.settled) {
      check(settled == Settled::accepted, "a settlement was not accepted");
    }
    settled_ += answer.settled.size();
    std::move(answer.leased.begin(), answer.leased.end(), std::back_inserter(held_));
  }

  const OrderSetting setting_;
  const internal::Keys keys_{kQueue};
  internal::ReconnectingConnection link_;
  internal::LeaseStream stream_;
  std::deque<Lease> held_;
  std::uint64_t settled_ = 0;
  std::mt19937_64 random_{42};  // the same order in every round
};

double settle_rate(Bench& bench, const OrderSetting& setting) {
  bench.clear();
  bench.fill(setting.items + setting.held + 2 * setting.batch * kOrderInFlight);
  Holder holder(bench, setting);
  holder.lease_all();
  const StopWatch watch;
  holder.run(setting.items);
  const double seconds = watch.seconds();
  check_equal(holder.settled(), setting.items, "items settled");
  check_equal(bench.counts().completed, setting.items, "items completed");
  return static_cast<double>(setting.items) / seconds;
}

std::string name_of(const OrderSetting& setting) {
  return fmt::format("{} in flight, settled {} by {}", setting.held,
                     setting.order == Order::random ? "in random order" : "in the order of lease",
                     setting.batch);
}

}  // namespace

std::vector<Result> measure_settle_order(Bench& bench) {
  const std::uint64_t n = bench.items(200'000);
  // Batches of 2, since 10 in flight are to be in five places: held, popped, and in two requests.
  const std::vector<OrderSetting> settings{
      {10, 2, Order::of_lease, n / 2},      {100, 2, Order::of_lease, n / 2},
      {1'000, 2, Order::of_lease, n / 2},   {10'000, 2, Order::of_lease, n / 2},
      {1'000, 100, Order::of_lease, n},     {10'000, 100, Order::of_lease, n},
      {10'000, 100, Order::random, n / 10},
  };
  constexpr std::size_t kLargeBatch = 4;
  constexpr std::size_t kRandom = 6;
  std::vector<Measurement> measurements;
  for (const OrderSetting& setting : settings) {
    measurements.emplace_back([&] { return settle_rate(bench, setting); });
  }
  const auto figures = interleave(bench.rounds(), measurements);
  bench.clear();
  std::vector<Result> results;
  for (std::size_t i = 1; i < settings.size(); ++i) {
    if (i == kLargeBatch) continue;
    const std::size_t base = i < kLargeBatch ? 0 : i < kRandom ? kLargeBatch : kRandom - 1;
    results.push_back({"d", name_of(settings[i]), "items/s", figures[i],
                       "ours with " + name_of(settings[base]), figures[base],
                       i == kRandom ? std::optional<Goal>{} : kOrderGoal,
                       "one lease stream with two requests under way, no handler"});
  }
  return results;
}

}  // namespace wq::bench
