#include <algorithm>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include <wq/admin.h>

#include "admin/admin_session.h"
#include "admin/look.h"
#include "admin/worker_entry.h"

namespace wq {

using internal::AdminSession;
using internal::Connection;

namespace {

void check_number(std::size_t n) {
  if (n == 0 || n > Admin::kMaxItems) {
    throw std::invalid_argument(
        fmt::format("1 to {} items at a time, not {}", Admin::kMaxItems, n));
  }
}

}  // namespace

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

ItemPage Admin::list(ItemState state, std::string_view after, std::size_t n) {
  check_number(n);
  return session_->link().run([&](Connection& redis) {
    return internal::list_items(redis, session_->keys(), state, after, n);
  });
}

Inspection Admin::inspect(std::string_view item, std::size_t max_scan) {
  return session_->link().run([&](Connection& redis) {
    return internal::inspect_item(redis, session_->keys(), item, max_scan);
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
