#include "maintenance/sweep_workers.h"

#include <chrono>

#include "maintenance/heartbeat.h"

namespace wq::internal {
namespace {

constexpr std::chrono::milliseconds kEvery = std::chrono::minutes{1};

}  // namespace

void SweepWorkers::run(const Pass& pass) {
  if (pass.server_ms - swept_ms_ < kEvery.count()) return;
  swept_ms_ = pass.server_ms;
  const Reply entries = pass.redis.call({"HGETALL", pass.keys[Key::workers]});
  CommandBuffer remove;
  for (std::size_t i = 0; i + 1 < entries.value().size(); i += 2) {
    const bool alive = is_alive(entries.value()[i + 1].text(), pass.server_ms);
    if (!alive) remove.command({"HDEL", pass.keys[Key::workers], entries.value()[i].text()});
  }
  if (remove.size() > 0) pass.redis.call(remove);
}

}  // namespace wq::internal
