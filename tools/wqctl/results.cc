#include <algorithm>
#include <string>

#include <wq/queue.h>

#include "cli/output.h"
#include "wqctl/command.h"
#include "wqctl/commands.h"
#include "wqctl/text.h"

namespace wq::ctl {

namespace {

// Results may be a megabyte each: few at a time, so that a page stays small in that case too.
constexpr std::size_t kMinPage = 8;
constexpr std::size_t kMaxPage = 100;
constexpr std::size_t kPageBytes = 4 * 1024 * 1024;

/// How many results to ask for next, from how large the last ones were.
std::size_t next_page(std::size_t results, std::size_t bytes) {
  const std::size_t fitting = kPageBytes * results / (bytes + 1);
  return std::clamp(fitting, kMinPage, kMaxPage);
}

}  // namespace

cli::ExitCode run_results(int argc, const char* const* argv) {
  cli::Options options{command_text(
      "results",
      "Prints the results kept so far, oldest first, one JSON object a line: \"id\", \"item\",\n"
      "\"result\", \"fence\". A value that is not valid UTF-8 stands in \"item_base64\" or\n"
      "\"result_base64\" instead. Each item has at most one result, whatever crashed.\n",
      "Examples:\n"
      "  wqctl results shards > results.jsonl\n"
      "  wqctl results shards | jq -r .result\n")};
  Target target;
  if (!read_target(options, argc, argv, target)) return cli::ExitCode::done;

  Queue queue{target.queue, target.redis};
  std::string after;
  for (std::size_t page = kMinPage;;) {
    const auto results = queue.results(after, page);
    std::size_t bytes = 0;
    for (const Result& result : results) {
      cli::write_out(result_json(result) + "\n");
      bytes += result.item.size() + result.result.size();
    }
    if (results.size() < page) return cli::ExitCode::done;
    after = results.back().id;
    page = next_page(results.size(), bytes);
  }
}

}  // namespace wq::ctl
