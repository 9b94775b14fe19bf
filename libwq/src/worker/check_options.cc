#include "worker/check_options.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <wq/queue.h>

#include "base/host_name.h"
#include "base/keys.h"
#include "base/printable.h"
#include "queue/check_policy.h"
#include "queue/operations.h"

namespace wq::internal {
namespace {

using std::chrono::milliseconds;

// Each handler has a thread; more than that is a slip of the keyboard.
constexpr unsigned kMostConcurrency = 10'000;
constexpr unsigned kMostCallsPerSlot = 100;

void check_not_negative(const char* what, milliseconds value) {
  if (value < milliseconds::zero()) {
    throw std::invalid_argument(fmt::format("{} is {}; it must not be negative", what, value));
  }
}

void check_queues(std::span<const QueueShare> queues) {
  if (queues.empty()) throw std::invalid_argument("the worker has no queue; it needs one");
  std::set<std::string_view> names;
  for (const auto& [queue, weight] : queues) {
    if (!names.insert(queue).second) {
      throw std::invalid_argument(
          fmt::format("the queue {} is given twice; add up its weights", printable(queue)));
    }
    if (weight == 0 || weight > QueueShare::kMaxWeight) {
      throw std::invalid_argument(
          fmt::format("the weight of the queue {} is {}; it must lie between 1 "
                      "and {}",
                      printable(queue), weight, QueueShare::kMaxWeight));
    }
  }
}

// One connection waits for the replicas of one server.
void check_one_node(const WorkerOptions& options, std::span<const QueueShare> queues) {
  if (options.durable_replicas == 0) return;
  const std::string tag = Keys(queues.front().queue).hash_tag();
  for (const QueueShare& each : queues) {
    if (Keys(each.queue).hash_tag() == tag) continue;
    throw std::invalid_argument(
        fmt::format("with durable replicas the queues {} and {} need the same hash tag, since a "
                    "Redis Cluster may have them on two nodes",
                    printable(queues.front().queue), printable(each.queue)));
  }
}

// A settlement names all queues that get follow-ups.
constexpr std::size_t kMostStages = 100;

void check_stages(const WorkerOptions& options, std::span<const QueueShare> queues) {
  for (const auto* names : {&options.after, &options.follow_ups_to}) {
    if (names->size() > kMostStages) {
      throw std::invalid_argument(
          fmt::format("the worker has {} queues before or after its own; at most {}", names->size(),
                      kMostStages));
    }
    for (const std::string& name : *names) static_cast<void>(Keys(name));  // throws for a bad one
  }
  for (const std::string& name : options.after) {
    if (std::find(options.follow_ups_to.begin(), options.follow_ups_to.end(), name) !=
        options.follow_ups_to.end()) {
      throw std::invalid_argument(fmt::format(
          "the queue {} is to come before (--after) and to get follow-ups (--follow-ups-to); of "
          "queues that feed each other, name each in --follow-ups-to of the other's workers",
          printable(name)));
    }
    for (const auto& [queue, weight] : queues) {
      if (queue != name) continue;
      throw std::invalid_argument(
          fmt::format("the queue {} cannot come after itself", printable(name)));
    }
  }
}

void check_group(const WorkerOptions& options, const QueueGroup& group) {
  if (group.pattern.empty()) {
    throw std::invalid_argument("the pattern of the queues is empty; '*' matches all queues");
  }
  if (options.strict || !options.after.empty() || !options.follow_ups_to.empty()) {
    throw std::invalid_argument(
        "a worker of a group of queues (--queues) has neither an order nor stages (--strict, "
        "--after, --follow-ups-to); name its queues (--queue)");
  }
}

WorkerOptions checked_without_queues(WorkerOptions options) {
  if (options.concurrency == 0 || options.concurrency > kMostConcurrency) {
    throw std::invalid_argument(fmt::format("the concurrency is {}; it must lie between 1 and {}",
                                            options.concurrency, kMostConcurrency));
  }
  if (options.batch == 0 || options.batch > Queue::kMaxBatch) {
    throw std::invalid_argument(fmt::format("the batch is {}; it must lie between 1 and {}",
                                            options.batch, Queue::kMaxBatch));
  }
  if (options.calls_per_slot == 0 || options.calls_per_slot > kMostCallsPerSlot) {
    throw std::invalid_argument(
        fmt::format("the calls of a slot are {}; they must lie between 1 and {}",
                    options.calls_per_slot, kMostCallsPerSlot));
  }
  check_not_negative("the longest delay of a batch", options.max_delay);
  check_range("the lease", options.lease, milliseconds{100}, kLongestLease);
  check_not_negative("the timeout", options.timeout);
  check_not_negative("the grace time", options.grace);
  check_not_negative("the time to a boost", options.boost_after);
  check_not_negative("the longest idle time", options.max_idle);
  check_not_negative("the wait for the queue to open", options.wait_open);
  check_policy(options.retry);
  if (options.label.empty()) options.label = host_name();
  if (options.retry.history_worker.empty()) options.retry.history_worker = options.label;
  return options;
}

}  // namespace

WorkerOptions checked(WorkerOptions options, std::span<const QueueShare> queues) {
  check_queues(queues);
  check_one_node(options, queues);
  check_stages(options, queues);
  return checked_without_queues(std::move(options));
}

WorkerOptions checked(WorkerOptions options, const QueueGroup& group) {
  check_group(options, group);
  return checked_without_queues(std::move(options));
}

}  // namespace wq::internal
