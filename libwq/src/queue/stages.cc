#include "queue/stages.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

#include <wq/error.h>

#include "base/printable.h"
#include "queue/operations.h"
#include "script/script.h"

namespace wq::internal {
namespace {

Counts counts_of(ReconnectingConnection& link, const std::string& queue) {
  const Keys keys(queue);
  return link.run([&keys](Connection& redis) {
    return read_counts(run_script(redis, scripts::counts, keys, {}).value());
  });
}

bool is_among(const std::vector<std::string>& queues, const std::string& queue) {
  return std::find(queues.begin(), queues.end(), queue) != queues.end();
}

std::string after_text(const std::vector<std::string>& path) {
  std::string text;
  for (const std::string& queue : path) text += (text.empty() ? "" : " after ") + printable(queue);
  return text;
}

}  // namespace

bool Stages::are_drained_before(const std::string& queue, const Counts& counts) {
  path_ = {queue};
  drained_.clear();
  open_stage_.clear();
  open_counts_ = {};
  dead_ = 0;
  return std::all_of(counts.after.begin(), counts.after.end(),
                     [this](const EarlierStage& stage) { return is_drained(stage); });
}

bool Stages::is_drained(const EarlierStage& stage) {
  if (is_among(drained_, stage.queue)) return true;
  const bool cycle = is_among(path_, stage.queue);
  path_.push_back(stage.queue);
  if (cycle) {
    throw ProtocolError(
        fmt::format("the stages are a cycle: {}; purge one of these queues", after_text(path_)));
  }
  Counts counts = counts_of(link_, stage.queue);
  const bool purged = counts.id.empty() && !stage.id.empty();
  for (const EarlierStage& before : counts.after) {
    if (!is_drained(before)) return false;
  }
  if (!counts.after.empty()) counts = counts_of(link_, stage.queue);
  // A stage that never gets an item does not begin.
  const bool nothing_came = counts.id.empty() && !counts.after.empty();
  const bool done = purged || nothing_came || counts.drained();
  if (!done || (wait_for_dead_ && counts.dead > 0)) {
    open_stage_ = stage.queue;
    open_counts_ = std::move(counts);
    return false;
  }
  path_.pop_back();
  drained_.push_back(stage.queue);
  dead_ += counts.dead;
  return true;
}

void check_order_of_stages(ReconnectingConnection& link, const std::string& queue,
                           const std::string& earlier) {
  std::vector<std::string> seen{earlier};
  for (std::size_t i = 0; i < seen.size(); ++i) {
    if (seen[i] == queue) {
      throw std::invalid_argument(
          i == 0 ? fmt::format("the queue {} cannot come after itself", printable(queue))
                 : fmt::format("the queue {} cannot come after {}, which comes after it",
                               printable(queue), printable(earlier)));
    }
    for (const EarlierStage& before : counts_of(link, seen[i]).after) {
      if (!is_among(seen, before.queue)) seen.push_back(before.queue);
    }
  }
}

void record_stage(ReconnectingConnection& link, const Keys& keys, const std::string& earlier) {
  const std::string id = counts_of(link, earlier).id;
  CommandBuffer call;
  append_stage(call, keys, {earlier, id});
  link.run(
      [&call](Connection& redis) { return run_script(redis, scripts::write_at_maxmemory, call); });
}

}  // namespace wq::internal
