#include <algorithm>
#include <utility>

#include <wq/admin.h>

#include "admin/admin_session.h"
#include "admin/worker_entry.h"

namespace wq {

using internal::AdminSession;
using internal::Connection;
using internal::Key;
using internal::Pipeline;
using internal::Reply;

Admin::Admin(std::string queue, RedisOptions options, std::stop_token stop)
    : session_(
          std::make_unique<AdminSession>(std::move(queue), std::move(options), std::move(stop))) {}
Admin::~Admin() = default;
Admin::Admin(Admin&&) noexcept = default;
Admin& Admin::operator=(Admin&&) noexcept = default;

std::vector<WorkerInfo> Admin::workers() {
  return session_->link().run(
      [this](Connection& redis) { return internal::read_workers(redis, session_->keys()); });
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
