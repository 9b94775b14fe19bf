#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "bench/bare_connection.h"
#include "bench/drain.h"
#include "bench/groups.h"
#include "bench/item_maker.h"

namespace wq::bench {
namespace {

using namespace std::chrono_literals;

constexpr Goal kScalingGoal{Goal::Kind::ratio_at_least, 0.85};
constexpr std::size_t kScalingBatch = 100;
// The items that the workers hold at a time, besides those that stay queued.
constexpr std::uint64_t kSlack = 1'000;
constexpr char kStuckMark = 's';

/// What a worker works beside.
struct Setting {
  std::string name;
  std::uint64_t queued;
  std::uint64_t stuck;
  unsigned workers;
};

/// Keeps a queue at its length: as many items come in as are handled. Bare, so that it costs the
/// same in every setting, and little. Not thread-safe.
class Refill {
 public:
  Refill(Bench& bench, unsigned worker)
      : redis_(bench.socket_path()), maker_(static_cast<char>('a' + worker)) {}
  ~Refill() { redis_.discard(in_flight_); }
  Refill(const Refill&) = delete;
  Refill& operator=(const Refill&) = delete;

  void push(std::size_t n) {
    redis_.discard(std::exchange(in_flight_, 1));
    items_.clear();
    items_.reserve(n * kItemBytes);
    words_.assign({"LPUSH", kQueue});
    for (std::size_t i = 0; i < n; ++i) {
      items_.append(maker_.next());
      words_.emplace_back(items_.data() + i * kItemBytes, kItemBytes);
    }
    redis_.append(words_);
    redis_.send();
  }

 private:
  BareConnection redis_;
  ItemMaker maker_;
  std::size_t in_flight_ = 0;
  std::string items_;
  std::vector<std::string_view> words_;
};

/// Leases items, in a session of its own, and never settles them.
void make_stuck(Bench& bench, Queue& holder, std::uint64_t n) {
  if (n == 0) return;
  bench.fill(n, kStuckMark);
  for (std::uint64_t held = 0; held < n; held += Queue::kMaxBatch) {
    check_equal(holder.lease(Queue::kMaxBatch, 1h).size(), Queue::kMaxBatch, "items to be stuck");
  }
}

/// Items a second while the queue stays as the setting says: without the start and the end.
double steady_rate(Bench& bench, const Setting& setting, std::uint64_t n) {
  bench.clear();
  Queue holder(kQueue, bench.redis());
  make_stuck(bench, holder, setting.stuck);
  bench.fill(setting.queued + kSlack);

  std::atomic<std::uint64_t> handled{0};
  Mark warm(n / 10);
  Mark done(n + n / 10);
  double rate = 0;
  {
    Crew crew(setting.workers, [&](unsigned worker) {
      auto refill = std::make_shared<Refill>(bench, worker);
      WorkerOptions options;
      options.batch = kScalingBatch;
      return std::make_unique<Worker>(kQueue, bench.redis(), options,
                                      BatchHandler([&, refill](const Batch& batch) {
                                        const std::size_t more = batch.leases.size();
                                        refill->push(more);
                                        const std::uint64_t before = handled.fetch_add(more);
                                        warm.pass(before, more);
                                        done.pass(before, more);
                                        return std::vector<Outcome>(more);
                                      }));
    });
    const auto begin = warm.wait(crew);
    rate = static_cast<double>(n) / std::chrono::duration<double>(done.wait(crew) - begin).count();
    crew.request_stop();
    for (const WorkerReport& report : crew.join()) {
      check_equal(report.lost + report.unknown, 0, "settlements that were not accepted");
    }
  }
  const Counts counts = bench.counts();
  check_equal(counts.completed, handled, "items completed of those handled");
  check_equal(counts.processing, setting.stuck, "items left in processing");
  check_equal(counts.ready, setting.queued + kSlack, "items ready in the end");
  return rate;
}

}  // namespace

std::vector<Result> measure_scaling(Bench& bench) {
  const std::uint64_t n = bench.items(300'000);
  const std::uint64_t stuck = bench.items(10'000);
  const std::uint64_t queued = bench.items(100'000);
  // The first of each is what the others are held against.
  std::vector<Setting> settings{{"1,000 queued", 1'000, 0, 2}};
  for (const std::uint64_t full : {10'000U, 100'000U, 1'000'000U}) {
    const std::uint64_t length = std::max<std::uint64_t>(bench.items(full), 2'000);
    settings.push_back({fmt::format("{} queued", length), length, 0, 2});
  }
  const std::size_t of_stuck = settings.size();
  settings.push_back({"nothing stuck", queued, 0, 2});
  settings.push_back({fmt::format("{} items stuck with others", stuck), queued, stuck, 2});
  const std::size_t of_workers = settings.size();
  settings.push_back({"2 workers", queued, 0, 2});
  for (const unsigned workers : {1U, 4U, 8U}) {
    settings.push_back(
        {fmt::format("{} worker{}", workers, workers == 1 ? "" : "s"), queued, 0, workers});
  }

  std::vector<Measurement> measurements;
  for (const Setting& setting : settings) {
    measurements.emplace_back([&] { return steady_rate(bench, setting, n); });
  }
  const auto figures = interleave(bench.rounds(), measurements);
  bench.clear();
  std::vector<Result> results;
  for (std::size_t i = 1; i < settings.size(); ++i) {
    if (i == of_stuck || i == of_workers) continue;
    const std::size_t base = i < of_stuck ? 0 : i < of_workers ? of_stuck : of_workers;
    // That one worker alone is slower would be no fault.
    const bool fewer = settings[i].workers < settings[base].workers;
    results.push_back({"d", "drain with " + settings[i].name, "items/s", figures[i],
                       "ours with " + settings[base].name, figures[base],
                       fewer ? std::optional<Goal>{} : kScalingGoal,
                       "a handler pushes as many items as it gets, so that the queue keeps its "
                       "length"});
  }
  return results;
}

}  // namespace wq::bench
