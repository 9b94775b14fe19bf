#include "wqctl/queue_list.h"

#include <fmt/format.h>

#include "cli/log.h"
#include "cli/output.h"
#include "cli/redis_flags.h"
#include "cli/units.h"
#include "wqctl/view/queue_listing.h"

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
  if (how.json || how.names) {
    for (const ListedQueue& queue : list.queues) {
      cli::write_out((how.json ? queue_json(queue) : cli::one_line(queue.name)) + "\n");
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

}  // namespace wq::ctl
