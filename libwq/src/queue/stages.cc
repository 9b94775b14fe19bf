#include "queue/stages.h"

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <wq/error.h>

#include "base/printable.h"
#include "queue/operations.h"
#include "script/script.h"

namespace wq::internal {
namespace {

// A queue, and all stages before it.
struct Path {
  std::vector<Keys> queues;  // the first is the queue itself
  std::vector<Counts> counts;

  [[nodiscard]] bool has(const std::string& queue) const {
    return std::any_of(queues.begin(), queues.end(),
                       [&](const Keys& each) { return each.queue() == queue; });
  }
  // Those that the counts name. False if all are there.
  bool add_stages() {
    const std::size_t known = queues.size();
    for (const Counts& each : counts) {
      for (const EarlierStage& stage : each.after) {
        if (!has(stage.queue)) queues.emplace_back(stage.queue);
      }
    }
    return queues.size() > known;
  }
};

// The last read has all of them.
Path read_path(ReconnectingConnection& link, const Keys& queue) {
  Path path{.queues = {queue}, .counts = {}};
  do {
    CommandBuffer call;
    append_counts(call, path.queues);
    const Reply reply =
        link.run([&call](Connection& redis) { return run_script(redis, scripts::counts, call); });
    path.counts.clear();
    for (std::size_t i = 0; i < path.queues.size(); ++i) {
      path.counts.push_back(read_counts(reply.value(), i));
    }
  } while (path.add_stages());
  return path;
}

// One of the queues after it has seen it begin.
bool was_purged(const Path& path, const std::string& stage) {
  return std::any_of(path.counts.begin(), path.counts.end(), [&](const Counts& counts) {
    return std::any_of(counts.after.begin(), counts.after.end(), [&](const EarlierStage& each) {
      return each.queue == stage && !each.id.empty();
    });
  });
}

// Those of the first, read together with the other: a Redis Cluster refuses that if they are not on
// the same node for certain.
Counts counts_of_both(ReconnectingConnection& link, const Keys& first, const Keys& other) {
  CommandBuffer call;
  append_counts(call, std::vector<Keys>{first, other});
  try {
    const Reply reply =
        link.run([&call](Connection& redis) { return run_script(redis, scripts::counts, call); });
    return read_counts(reply.value());
  } catch (const Error& error) {
    if (!std::string_view(error.what()).starts_with("CROSSSLOT")) throw;
    throw std::invalid_argument(
        fmt::format("the queues {} and {} need the same hash tag on a Redis Cluster, as in "
                    "'{{tag}}first' and '{{tag}}second'",
                    printable(first.queue()), printable(other.queue())));
  }
}

}  // namespace

Stages::Look Stages::look(const Keys& queue) {
  Path path = read_path(link_, queue);
  open_stage_.clear();
  open_counts_ = {};
  dead_ = 0;
  for (std::size_t i = 1; i < path.queues.size(); ++i) {
    const Counts& counts = path.counts[i];
    const std::string& name = path.queues[i].queue();
    // A stage that never gets an item does not begin.
    const bool nothing_came =
        counts.id.empty() && (!counts.after.empty() || was_purged(path, name));
    dead_ += counts.dead;
    const bool done = nothing_came || counts.drained();
    if (!open_stage_.empty() || (done && !(wait_for_dead_ && counts.dead > 0))) continue;
    open_stage_ = name;
    open_counts_ = counts;
  }
  return {.drained = open_stage_.empty(), .counts = std::move(path.counts.front())};
}

void check_order_of_stages(ReconnectingConnection& link, const Keys& queue,
                           const std::string& earlier) {
  if (earlier == queue.queue()) {
    throw std::invalid_argument(
        fmt::format("the queue {} cannot come after itself", printable(earlier)));
  }
  static_cast<void>(counts_of_both(link, queue, Keys(earlier)));
  if (read_path(link, Keys(earlier)).has(queue.queue())) {
    throw std::invalid_argument(
        fmt::format("the queue {} cannot come after {}, which comes after it",
                    printable(queue.queue()), printable(earlier)));
  }
}

void record_stage(ReconnectingConnection& link, const Keys& queue, const Keys& earlier) {
  CommandBuffer call;
  append_stage(call, queue, {earlier.queue(), counts_of_both(link, earlier, queue).id});
  link.run(
      [&call](Connection& redis) { return run_script(redis, scripts::write_at_maxmemory, call); });
}

}  // namespace wq::internal
