#include "maintenance/reclaim_pass.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "maintenance/promote.h"
#include "queue/operations.h"
#include "queue/server_check.h"

namespace wq::internal {
namespace {

using std::chrono::milliseconds;

// As the workers of the queue have recorded it, if they have.
std::optional<milliseconds> read_queue_lease(Connection& redis, const Keys& keys) {
  const Reply reply = redis.call({"HGET", keys[Key::stats], kLeaseField});
  if (reply.value().is_nil()) return std::nullopt;
  return std::clamp(milliseconds{reply.value().integer()}, milliseconds{0}, kLongestLease);
}

}  // namespace

ReclaimPass::ReclaimPass(std::string queue, RedisOptions redis, ReclaimerOptions options,
                         std::stop_token stop)
    : keys_(std::move(queue)),
      options_(options),
      link_(std::move(redis), std::move(stop),
            [this](Connection& connection) {
              static_cast<void>(check_server(connection, keys_));
              mender_.ask(connection);  // the caller limits the time
            }),
      items_(options.max_crashes) {}

ReclaimReport ReclaimPass::run(TimePoint now) {
  return link_.run([this, now](Connection& redis) { return look(redis, now); });
}

milliseconds ReclaimPass::courtesy() const noexcept {
  return options_.lease.value_or(queue_lease_.value_or(kUsualLease)) / 3;
}

bool ReclaimPass::pending() const noexcept { return items_.pending() || producers_.pending(); }

ReclaimReport ReclaimPass::look(Connection& redis, TimePoint now) {
  notice_connection(redis, now);
  Pass pass{.redis = redis,
            .keys = keys_,
            .now = now,
            .early = now - connected_at_ < courtesy(),
            .server_ms = 0,
            .report = {}};
  promote(pass);
  items_.run(pass);
  producers_.run(pass);
  workers_.run(pass);
  return pass.report;
}

void ReclaimPass::notice_connection(Connection& redis, TimePoint now) {
  if (generation_ != link_.generation()) {
    generation_ = link_.generation();
    connected_at_ = now;
    items_.reconnected();
    producers_.reconnected();
    queue_lease_.reset();
  }
  // Workers record it when the queue has begun, which may be long after this connection.
  if (!queue_lease_) queue_lease_ = read_queue_lease(redis, keys_);
}

}  // namespace wq::internal
