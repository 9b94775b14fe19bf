#include <algorithm>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include <wq/admin.h>

#include "admin/admin_connection.h"
#include "admin/change.h"
#include "admin/look.h"
#include "admin/purge.h"
#include "admin/verify.h"
#include "admin/worker_entry.h"
#include "script/script.h"

namespace wq {

using internal::AdminConnection;
using internal::CommandBuffer;
using internal::Connection;
using internal::Key;

namespace {

void check_number(std::size_t n) {
  if (n == 0 || n > Admin::kMaxItems) {
    throw std::invalid_argument(
        fmt::format("1 to {} items at a time, not {}", Admin::kMaxItems, n));
  }
}

void check_droppable(ItemState from) {
  if (from == ItemState::leased) {
    throw std::invalid_argument("a leased item cannot be dropped: a worker holds it");
  }
}

}  // namespace

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

ItemPage Admin::list(ItemState state, std::string_view after, std::size_t n) {
  check_number(n);
  return session_->link().run([&](Connection& redis) {
    return internal::list_items(redis, session_->keys(), state, after, n);
  });
}

AttemptPage Admin::attempts(std::string_view after) {
  return session_->link().run(
      [&](Connection& redis) { return internal::list_attempts(redis, session_->keys(), after); });
}

Inspection Admin::inspect(std::string_view item, std::size_t max_scan) {
  return session_->link().run([&](Connection& redis) {
    return internal::inspect_item(redis, session_->keys(), item, max_scan);
  });
}

std::vector<Changed> Admin::retry(std::span<const std::string> items) {
  check_number(items.size());
  return session_->link_to_change().run(
      [&](Connection& redis) { return internal::retry_items(redis, session_->keys(), items); });
}

std::uint64_t Admin::retry_matching(std::string_view pattern, ItemState from) {
  if (from != ItemState::dead && from != ItemState::delayed) {
    throw std::invalid_argument("only dead and delayed items can be retried");
  }
  return internal::retry_matching(session_->link_to_change(), session_->keys(), pattern, from);
}

std::vector<Changed> Admin::drop(std::span<const std::string> items, ItemState from) {
  check_number(items.size());
  check_droppable(from);
  return internal::drop_items(session_->link_to_change(), session_->keys(), items, from);
}

std::uint64_t Admin::drop_matching(std::string_view pattern, ItemState from) {
  check_droppable(from);
  return from == ItemState::ready
             ? internal::drop_ready(session_->link_to_change(), session_->keys(), pattern)
             : internal::drop_matching(session_->link_to_change(), session_->keys(), pattern, from);
}

// Behind a write that is allowed at maxmemory: a queue that is out of hand may be that too.
bool Admin::pause() {
  CommandBuffer call;
  internal::begin_call(call, internal::scripts::write_at_maxmemory, session_->keys(), 1, 3);
  for (const std::string_view word :
       {std::string_view(session_->keys()[Key::paused]), std::string_view("SET"),
        std::string_view("1"), std::string_view("NX")}) {
    call.arg(word);
  }
  return session_->link_to_change().run([&call](Connection& redis) {
    return !internal::run_script(redis, internal::scripts::write_at_maxmemory, call)
                .value()
                .is_nil();
  });
}

bool Admin::resume() {
  CommandBuffer call;
  call.command({"DEL", session_->keys()[Key::paused]});
  return session_->link_to_change().run(
      [&call](Connection& redis) { return redis.call(call).value().integer() > 0; });
}

PurgeReport Admin::purge() { return internal::purge(session_->link_to_change(), session_->keys()); }

std::optional<PurgeReport> Admin::purge_unless_in_use(InUse& in_use) {
  return internal::purge_unless_in_use(session_->link_to_change(), session_->keys(), in_use);
}

VerifyReport Admin::verify() { return internal::verify(*session_, false); }

VerifyReport Admin::repair() { return internal::verify(*session_, true); }

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
