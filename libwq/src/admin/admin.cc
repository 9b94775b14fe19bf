#include <algorithm>
#include <utility>

#include <wq/admin.h>

#include "admin/admin_connection.h"
#include "admin/records.h"
#include "script/script.h"

namespace wq {

using internal::AdminConnection;
using internal::Connection;
using internal::Key;

Admin::Admin(std::string queue, RedisOptions options, std::stop_token stop)
    : session_(std::make_unique<AdminConnection>(std::move(queue), std::move(options),
                                                 std::move(stop))) {}
Admin::~Admin() = default;
Admin::Admin(Admin&&) noexcept = default;
Admin& Admin::operator=(Admin&&) noexcept = default;

std::vector<WorkerInfo> Admin::workers() {
  return session_->link().run(
      [this](Connection& redis) { return internal::read_workers(redis, session_->keys()); });
}

// Behind a write that is allowed at maxmemory: a queue that is out of hand may be that too.
bool Admin::pause() {
  return session_->link_to_change().run([this](Connection& redis) {
    const internal::Keys& keys = session_->keys();
    return !internal::run_script(redis, internal::scripts::write_at_maxmemory, keys,
                                 {keys[Key::paused]}, "SET", "1", "NX")
                .value()
                .is_nil();
  });
}

bool Admin::resume() {
  return session_->link_to_change().run([this](Connection& redis) {
    return redis.call({"DEL", session_->keys()[Key::paused]}).value().integer() > 0;
  });
}

std::optional<std::chrono::milliseconds> oldest_lease(std::span<const WorkerInfo> workers) {
  std::optional<std::chrono::milliseconds> oldest;
  for (const WorkerInfo& worker : workers) {
    if (worker.holding > 0 && !worker.overdue()) {
      oldest = std::max(oldest.value_or(worker.oldest), worker.oldest);
    }
  }
  return oldest;
}

}  // namespace wq
