#include "fault/plan.h"

#include <algorithm>
#include <random>

#include <fmt/format.h>

namespace wq::fault {
namespace {

using std::chrono::milliseconds;

constexpr unsigned kItemsOfFullRedis = 10'000;
constexpr std::size_t kLargeItem = 4'000;

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}
  int between(int least, int most) { return std::uniform_int_distribution(least, most)(random_); }
  bool percent(int chance) { return between(1, 100) <= chance; }

 private:
  std::mt19937_64 random_;
};

// `size`: how long it is at the least, unless it has a mark, which becomes the name of a file.
std::string item(unsigned number, std::size_t size, Dice& dice) {
  std::string name = std::to_string(number);
  const int what = dice.between(1, 1'000);
  if (what <= 4) return name + kKillHandler;
  if (what <= 8) return name + kKillWorker;
  if (what <= 20) return name + kFail;
  if (what <= 24) return name + kOutlastLease;
  if (name.size() < size) name.append(size - name.size(), '-');
  return name;
}

}  // namespace

Plan Plan::from_seed(std::uint64_t seed) {
  Dice dice(seed);
  Plan plan;
  plan.seed = seed;
  plan.full_redis = dice.percent(10);
  plan.python = !plan.full_redis && dice.percent(10);
  plan.producer_dies = !plan.full_redis && dice.percent(30);
  plan.lease = milliseconds{dice.between(300, 600)};
  plan.faults_apart = milliseconds{dice.between(5, 40)};
  plan.faults = static_cast<unsigned>(dice.between(40, 160));
  const int workers = dice.between(1, 4);
  for (int i = 0; i < workers; ++i) {
    const bool processes = !plan.full_redis && dice.percent(40);
    const Worker many = dice.percent(40) ? Worker::coprocesses : Worker::batches;
    plan.workers.push_back(processes ? Worker::processes : many);
  }
  const unsigned n =
      plan.full_redis ? kItemsOfFullRedis : static_cast<unsigned>(dice.between(200, 1'500));
  // What a kill tears is large: half a megabyte is pushed at once, and some of it settled.
  const std::size_t size = dice.percent(30) && !plan.full_redis ? kLargeItem : 0;
  for (unsigned i = 0; i < n; ++i) plan.items.push_back(item(i, size, dice));
  // RedisWQ clients do not ask for a rewrite before they write.
  plan.torn_aof = plan.python || dice.percent(50) ? TornAof::check : TornAof::rewrite;
  plan.tears = dice.percent(50);
  return plan;
}

std::string Plan::text() const {
  const bool large = std::any_of(items.begin(), items.end(),
                                 [](const std::string& each) { return each.size() >= kLargeItem; });
  std::string kinds;
  for (const Worker worker : workers) kinds += "pcb"[static_cast<int>(worker)];
  return fmt::format(
      "seed {}: {} items{}, workers {}, lease {} ms, {} faults about {} ms apart, AOF {}{}{}{}{}",
      seed, items.size(), large ? " of 4 kB" : "", kinds, lease.count(), faults,
      faults_apart.count(),
      torn_aof == TornAof::check     ? "checked"
      : torn_aof == TornAof::rewrite ? "rewritten"
                                     : "left",
      tears ? " and torn" : "", producer_dies ? ", producer dies" : "",
      full_redis ? ", Redis full" : "", python ? ", RedisWQ clients" : "");
}

}  // namespace wq::fault
