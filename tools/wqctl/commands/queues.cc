#include <fmt/format.h>

#include <wq/queues.h>

#include "cli/log.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/redis_flags.h"
#include "cli/units.h"
#include "wqctl/command.h"
#include "wqctl/view/listing.h"

namespace wq::ctl {

namespace {

std::string none_text(const Target& target, const ShowQueues& how) {
  const std::string where = cli::without_password(target.redis.url);
  if (how.pattern.empty()) {
    return fmt::format("no queues in {}; wq-push QUEUE creates one\n", where);
  }
  return fmt::format("no queue in {1} matches '{0}'; wqctl queues lists all\n",
                     cli::one_line(how.pattern), where);
}

}  // namespace

cli::ExitCode show_queues(const Target& target, const ShowQueues& how) {
  QueueSearch search;
  if (!how.pattern.empty()) search.pattern = how.pattern;
  search.longest = how.longest;
  const QueueList list = list_queues(target.redis, search);
  if (target.json || how.names) {
    for (const ListedQueue& queue : list.queues) {
      cli::write_out((target.json ? queue_json(queue) : cli::one_line(queue.name)) + "\n");
    }
  } else {
    cli::write_out(list.queues.empty() && list.complete ? none_text(target, how)
                                                        : queues_table(list));
  }
  cli::flush_out();
  if (!list.complete) {
    cli::log(LogLevel::warning,
             fmt::format("the list is incomplete: the scan of the keys did not end "
                         "within {}",
                         cli::duration_text(how.longest)));
  }
  return cli::ExitCode::done;
}

cli::ExitCode run_queues(cli::Process& process, int argc, const char* const* argv) {
  Target target;
  cli::Options options{command_text(
      "queues",
      "Lists the queues in the database of the URL with their counts, from the first push until\n"
      "they are purged. PATTERN is a Redis glob; quote it. Redis keeps no list of queues: wqctl\n"
      "scans the names of all keys, 1,000 at a time, about a second for a million, and in a Redis\n"
      "Cluster those of all nodes. The user needs the right to SCAN, and to CLUSTER SLOTS in a\n"
      "cluster; a queue whose keys the user may not read is shown without counts.\n",
      "Examples:\n"
      "  wqctl queues\n"
      "  wqctl queues 'shards-*' --json | jq 'select(.dead > 0) | .queue'\n",
      {{.value = cli::Value::text("PATTERN"), .optional = true}})};
  ShowQueues how;
  add_json_switch(options, target, "a table");
  options.add_switch("names", how.names, "only the names, one per line");
  options.add_duration("within", how.longest, "stop the scan after this time; 0: never");
  if (!read_target(process, options, argc, argv, target)) return cli::ExitCode::done;
  if (target.json && how.names) throw cli::UsageError("--json and --names exclude each other");
  only_look(target);
  how.pattern = target.queue;
  return show_queues(target, how);
}

}  // namespace wq::ctl
