#include "fault/plan.h"

#include <random>

#include <fmt/format.h>

namespace wq::fault {
namespace {

using std::chrono::milliseconds;

constexpr unsigned kItemsOfFullRedis = 10'000;

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}
  int between(int least, int most) { return std::uniform_int_distribution(least, most)(random_); }
  bool percent(int chance) { return between(1, 100) <= chance; }

 private:
  std::mt19937_64 random_;
};

std::string item(unsigned number, Dice& dice) {
  std::string name = std::to_string(number);
  const int what = dice.between(1, 1'000);
  if (what <= 4) return name + kKillHandler;
  if (what <= 8) return name + kKillWorker;
  if (what <= 20) return name + kFail;
  if (what <= 24) return name + kOutlastLease;
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
  for (unsigned i = 0; i < n; ++i) plan.items.push_back(item(i, dice));
  return plan;
}

std::string Plan::text() const {
  std::string kinds;
  for (const Worker worker : workers) kinds += "pcb"[static_cast<int>(worker)];
  return fmt::format(
      "seed {}: {} items, workers {}, lease {} ms, {} faults about {} ms apart{}{}{}", seed,
      items.size(), kinds, lease.count(), faults, faults_apart.count(),
      producer_dies ? ", producer dies" : "", full_redis ? ", Redis full" : "",
      python ? ", RedisWQ clients" : "");
}

}  // namespace wq::fault
