#include "wq-push/earlier_run.h"

#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <wq/admin.h>
#include <wq/error.h>

#include "cli/log.h"
#include "cli/output.h"
#include "cli/units.h"

namespace wq::push {

namespace {

std::string who(const InUse& in_use) {
  std::vector<std::string> all;
  if (in_use.workers > 0) all.push_back(cli::plural(in_use.workers, "worker"));
  if (in_use.producers > 0) all.push_back(cli::plural(in_use.producers, "producer"));
  if (in_use.leased > 0) all.push_back(cli::plural(in_use.leased, "leased item"));
  return fmt::format("{}", fmt::join(all, ", "));
}

}  // namespace

std::optional<EarlierRun> look_for_earlier_run(const std::string& queue, const RedisOptions& redis,
                                               std::stop_token stop) {
  try {
    Queue look{queue, redis, std::move(stop)};
    EarlierRun run;
    run.counts = look.counts();
    if (!run.counts.id.empty()) run.results = look.count_results();
    return run;
  } catch (const RefusedError&) {
    return std::nullopt;  // the producer reports obstacles of a push
  }
}

std::string drained_before(const std::string& queue, const EarlierRun& run) {
  const std::string name = cli::one_line(queue);
  return fmt::format(
      "{} was drained before ({} of {} completed, {} dead, {} kept); new items are added to it. "
      "To start over, use --fresh, which removes everything first, including results (wqctl "
      "results {} --to DIR saves them); --once skips items pushed before with --once",
      name, run.counts.completed, cli::plural(run.counts.pushed, "item"), run.counts.dead,
      cli::plural(run.results, "result"), name);
}

void begin_anew(const PushOptions& options, const RedisOptions& redis, std::stop_token stop) {
  const std::string name = cli::one_line(options.queue);
  if (!options.producer.allow_eviction && Queue{options.queue, redis, stop}.server().evicts()) {
    throw RefusedError(
        "ERR this Redis may evict keys, which would lose items; nothing was removed. Set its "
        "maxmemory-policy to noeviction, or use --allow-eviction");
  }
  InUse in_use;
  std::optional<PurgeReport> removed;
  try {
    removed = Admin{options.queue, redis, std::move(stop)}.purge_unless_in_use(in_use);
  } catch (const RefusedError& error) {
    if (error.code() != "NOPERM") throw;
    throw RefusedError(
        fmt::format("NOPERM --fresh needs the rights of wqctl purge, which this user lacks ({})",
                    error.what()));
  }
  if (!removed) {
    throw Error(
        fmt::format("--fresh: {} is in use ({}); nothing was removed or pushed. Wait until they "
                    "exit (wqctl workers {}; a killed producer counts for up to a minute), or "
                    "remove the queue anyway: wqctl purge {}",
                    name, who(in_use), name, name));
  }
  const Counts& was = removed->counts;
  if (removed->keys == 0) return;
  cli::log(LogLevel::info,
           fmt::format("removed from {}: ready {}, processing {}, delayed {}, dead {}, {}; {} "
                       "were completed",
                       name, was.ready, was.processing, was.delayed, was.dead,
                       cli::plural(removed->results, "result"), was.completed));
}

}  // namespace wq::push
