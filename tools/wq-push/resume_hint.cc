#include "wq-push/resume_hint.h"

#include <algorithm>

#include <fmt/format.h>

namespace wq::push {

std::string how_to_go_on(const PushOptions& options, const PushReport& report,
                         std::uint64_t given) {
  if (given == 0) return fmt::format("nothing was pushed to {}", options.queue);
  const std::uint64_t answered = report.pushed + report.skipped + report.unknown + report.lost;
  const std::uint64_t unanswered = given - std::min(answered, given);
  const bool exact = report.unknown == 0 && unanswered == 0;
  std::string text =
      exact ? fmt::format("exactly {} items were pushed to {}", report.pushed, options.queue)
            : fmt::format("{} items were pushed to {}, and up to {} more may have been",
                          report.pushed, options.queue, report.unknown + unanswered);
  if (options.source.follow) {
    return text + "; to go on, run the same command again: it pushes no entry twice";
  }
  const char* without = options.fresh ? " without --fresh" : "";
  if (options.producer.once) {
    return text + fmt::format(
                      "; to resume, run the same command again{}: --once skips the items "
                      "pushed",
                      without);
  }
  if (!options.source.keys.empty()) {
    return text +
           "; Redis shows its keys in no fixed order, so a push that may have to be resumed needs "
           "--once from the beginning: the same command again pushes these items twice";
  }
  if (options.lanes > 0 && !exact) {
    return text +
           "; each lane has its own first items, so a push to lanes that may have to be resumed "
           "needs --once from the beginning: the same command again pushes these items twice";
  }
  text += fmt::format("; to resume, run the same command{} with --skip {}",
                      options.fresh ? " without --fresh and" : "", options.skip + answered);
  if (unanswered != 0) text += " (uncertain items may then be pushed twice)";
  if (report.unknown != 0) {
    text += fmt::format(" ({} of the skipped items may not be in the queue)", report.unknown);
  }
  if (report.lost != 0) {
    text += fmt::format(" ({} of the skipped items were lost by Redis)", report.lost);
  }
  return text;
}

}  // namespace wq::push
