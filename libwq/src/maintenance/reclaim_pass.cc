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

QueuePass::QueuePass(std::string queue, ReclaimerOptions options)
    : keys_(std::move(queue)), options_(options), items_(options.max_crashes) {}

milliseconds QueuePass::courtesy() const noexcept {
  return options_.lease.value_or(queue_lease_.value_or(kUsualLease)) / 3;
}

bool QueuePass::pending() const noexcept { return items_.pending() || producers_.pending(); }

ReclaimReport QueuePass::run(Connection& redis, std::uint64_t generation, TimePoint connected_at,
                             TimePoint now) {
  notice_connection(redis, generation);
  Pass pass{.redis = redis,
            .keys = keys_,
            .now = now,
            .early = now - connected_at < courtesy(),
            .server_ms = 0,
            .report = {}};
  promote(pass);
  items_.run(pass);
  producers_.run(pass);
  workers_.run(pass);
  return pass.report;
}

void QueuePass::notice_connection(Connection& redis, std::uint64_t generation) {
  if (generation_ != generation) {
    generation_ = generation;
    items_.reconnected();
    producers_.reconnected();
    queue_lease_.reset();
  }
  // Workers record it when the queue has begun, which may be long after this connection.
  if (!queue_lease_) queue_lease_ = read_queue_lease(redis, keys_);
}

ReclaimPass::ReclaimPass(std::string queue, RedisOptions redis, ReclaimerOptions options,
                         std::stop_token stop)
    : pass_(std::move(queue), options),
      link_(std::move(redis), std::move(stop), [this](Connection& connection) {
        static_cast<void>(check_server(connection, pass_.keys()));
        mender_.ask(connection);  // the caller limits the time
      }) {}

ReclaimReport ReclaimPass::run(TimePoint now) {
  return link_.run([this, now](Connection& redis) {
    if (generation_ != link_.generation()) {
      generation_ = link_.generation();
      connected_at_ = now;
    }
    return pass_.run(redis, generation_, connected_at_, now);
  });
}

}  // namespace wq::internal
