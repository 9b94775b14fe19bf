#include <string>
#include <utility>

#include <fmt/format.h>

#include <wq/admin.h>

#include "cli/output.h"
#include "wqctl/command.h"
#include "wqctl/view/listing.h"

namespace wq::ctl {

cli::ExitCode run_history(cli::Process& process, int argc, const char* const* argv) {
  Target target;
  cli::Options options{command_text(
      "history",
      "Lists the last attempts of all items, or of ITEM, successful ones too, in the order in\n"
      "which they were settled: start, duration, CPU time and memory (if the worker runs\n"
      "processes), outcome and worker. Workers record attempts with wq-worker --history N, which\n"
      "keeps the last N. An attempt whose worker died is missing; wqctl inspect shows it while\n"
      "the item is in the queue.\n",
      "Examples:\n"
      "  wqctl history shards | tail\n"
      "  wqctl history shards shard-000017.tar\n"
      "  wqctl history shards --json | jq 'select(.wall_ms > 60000) | .item'\n",
      {{cli::Value::queue()}, {.value = cli::Value::text("ITEM"), .optional = true}})};
  add_json_switch(options, target, "lines for people");
  if (!read_target(process, options, argc, argv, target)) return cli::ExitCode::done;
  only_look(target);

  const std::string wanted =
      target.more.empty() ? "" : std::string(text(hash_item(target.more.front())));
  Admin admin{target.queue, target.redis};
  bool any = false;
  for (AttemptPage page{.attempts = {}, .next = ""};;) {
    page = admin.attempts(page.next);
    std::string lines;
    for (const Attempt& each : page.attempts) {
      if (!wanted.empty() && each.sha224 != wanted) continue;
      if (!target.json && !std::exchange(any, true)) lines += attempt_heading();
      lines += target.json ? attempt_json(each) + "\n" : attempt_line(each);
    }
    cli::write_out(lines);
    if (page.next.empty()) break;
  }
  if (!target.json && !any) {
    cli::write_out(fmt::format("{}: no attempts are recorded{}\n", cli::one_line(target.queue),
                               wanted.empty() ? "; workers record them with --history N"
                                              : " of " + item_text(target.more.front())));
  }
  return cli::ExitCode::done;
}

}  // namespace wq::ctl
