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

// In one atomic step.
std::vector<Counts> counts_of(ReconnectingConnection& link, const std::vector<Keys>& queues) {
  CommandBuffer call;
  append_counts(call, queues);
  const Reply reply =
      link.run([&call](Connection& redis) { return run_script(redis, scripts::counts, call); });
  std::vector<Counts> counts;
  for (std::size_t i = 0; i < queues.size(); ++i) counts.push_back(read_counts(reply.value(), i));
  return counts;
}

// A queue, and all stages before it.
struct Path {
  std::vector<Keys> queues;  // the first is the queue itself
  std::vector<Counts> counts;

  [[nodiscard]] bool has(const std::string& queue) const { return find(queue) < queues.size(); }
  [[nodiscard]] std::size_t find(const std::string& queue) const {
    const auto found = std::find_if(queues.begin(), queues.end(),
                                    [&](const Keys& each) { return each.queue() == queue; });
    return static_cast<std::size_t>(found - queues.begin());
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
    path.counts = counts_of(link, path.queues);
  } while (path.add_stages());
  return path;
}

// Of each: whether it has had items, or those before it have, so that it is known to get none if
// all are empty. A stage of which a later one knows the id was purged if it has none.
std::vector<bool> have_had_items(const Path& path) {
  std::vector<bool> had(path.queues.size());
  for (std::size_t i = 0; i < had.size(); ++i) {
    had[i] = had[i] || !path.counts[i].id.empty();
    for (const EarlierStage& stage : path.counts[i].after) {
      if (!stage.id.empty()) had[path.find(stage.queue)] = true;
    }
  }
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t i = 0; i < had.size(); ++i) {
      if (had[i]) continue;
      had[i] = std::any_of(
          path.counts[i].after.begin(), path.counts[i].after.end(),
          [&](const EarlierStage& stage) -> bool { return had[path.find(stage.queue)]; });
      changed = changed || had[i];
    }
  }
  return had;
}

// A Redis Cluster refuses to read both at once if they are not on the same node for certain.
void check_hash_tags(ReconnectingConnection& link, const Keys& first, const Keys& other) {
  try {
    static_cast<void>(counts_of(link, {first, other}));
  } catch (const Error& error) {
    if (!std::string_view(error.what()).starts_with("CROSSSLOT")) throw;
    throw std::invalid_argument(
        fmt::format("the queues {} and {} need the same hash tag on a Redis Cluster, as in "
                    "'{{tag}}first' and '{{tag}}second'",
                    printable(first.queue()), printable(other.queue())));
  }
}

}  // namespace

StagesLook look_with_stages(ReconnectingConnection& link, const Keys& queue, bool wait_for_dead) {
  Path path = read_path(link, queue);
  const std::vector<bool> had_items = have_had_items(path);
  const auto state_of = [&](std::size_t i) {
    const Counts& counts = path.counts[i];
    if (!counts.empty() || (i > 0 && wait_for_dead && counts.dead > 0)) return QueueState::open;
    return had_items[i] ? QueueState::drained : QueueState::not_begun;
  };
  StagesLook look;
  for (std::size_t i = 1; i < path.queues.size(); ++i) {
    look.dead_before += path.counts[i].dead;
    const QueueState state = state_of(i);
    if (state == QueueState::drained || look.state == QueueState::open || look.state == state) {
      continue;
    }
    look.state = state;
    look.waits_for = path.queues[i].queue();
    look.waits_for_counts = path.counts[i];
  }
  if (state_of(0) == QueueState::open) {
    look.state = QueueState::open;
    look.waits_for.clear();
  } else if (look.state == QueueState::drained) {
    look.state = state_of(0);
  }
  look.counts = std::move(path.counts.front());
  return look;
}

void check_order_of_stages(ReconnectingConnection& link, const Keys& queue, const Keys& earlier) {
  check_hash_tags(link, queue, earlier);
  if (read_path(link, earlier).has(queue.queue())) {
    throw std::invalid_argument(
        fmt::format("the queue {} cannot come after {}, which comes after it",
                    printable(queue.queue()), printable(earlier.queue())));
  }
}

void check_target(ReconnectingConnection& link, const Keys& queue, const Keys& target) {
  check_hash_tags(link, queue, target);
  CommandBuffer call;  // it also raises the fence of the target, which does no harm
  append_attach(call, target);
  const Reply reply =
      link.run([&call](Connection& redis) { return run_script(redis, scripts::attach, call); });
  read_attach(reply.value());
}

void record_stage(ReconnectingConnection& link, const Keys& queue, const Keys& earlier, bool anew) {
  CommandBuffer call;
  append_stage(call, queue, {earlier.queue(), counts_of(link, {earlier}).front().id}, anew);
  link.run(
      [&call](Connection& redis) { return run_script(redis, scripts::write_at_maxmemory, call); });
}

}  // namespace wq::internal
