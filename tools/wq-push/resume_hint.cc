#include "wq-push/resume_hint.h"

#include <algorithm>

#include <fmt/format.h>

namespace wq::push {

std::string how_to_go_on(const PushOptions& options, const PushReport& report,
                         std::uint64_t given) {
  if (given == 0) return fmt::format("nothing was pushed to {}", options.queue);
  const std::uint64_t answered = report.pushed + report.skipped + report.unknown;
  const std::uint64_t unanswered = given - std::min(answered, given);
  const bool exact = report.unknown == 0 && unanswered == 0;
  std::string text = exact ? fmt::format("exactly {} items are in {}", report.pushed, options.queue)
                           : fmt::format("{} items are in {} for certain, and up to {} more may be",
                                         report.pushed, options.queue, report.unknown + unanswered);
  const char* without = options.fresh ? " without --fresh" : "";
  if (options.producer.once) {
    return text + fmt::format(
                      "; to go on, give the same command again{}: --once leaves out what "
                      "is in",
                      without);
  }
  text += fmt::format("; to go on, give the same command{} with --skip {}",
                      options.fresh ? " without --fresh and" : "", options.skip + answered);
  if (unanswered != 0) text += " (what is in after all will be in twice)";
  if (report.unknown != 0) {
    text += fmt::format(" (of what is skipped then, {} items are in or not)", report.unknown);
  }
  return text;
}

}  // namespace wq::push
