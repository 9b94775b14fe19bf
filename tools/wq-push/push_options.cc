#include "wq-push/push_options.h"

#include <wq/queue.h>

#include "cli/exit_code.h"
#include "cli/options.h"
#include "cli/redis_flags.h"

namespace wq::push {

namespace {

// What Redis takes as one value unless its proto-max-bulk-len was raised.
constexpr std::uint64_t kMaxItemBytes = 512 * 1024 * 1024;

constexpr const char* kSummary =
    R"(Fills a queue. Items are the ITEMS given, and the lines of each --file; with neither, the lines
of standard input. Input is streamed: what is read is on its way to the workers at once, and while
it lasts the queue counts as open, so that workers wait for more.

  lines     Empty lines are left out; anything else is an item as it stands (a CR before the line's
            end too). A last line needs no line end. With -0, what NUL bytes end, exactly.
            Lists that are compressed or UTF-16 are refused; a byte-order mark is taken off.
  ranges    {000..999} within one of ITEMS counts, as WebDataset writes it. Only digits make a range;
            other braces stand for themselves. Ranges in one argument multiply; :: joins them
            instead, one behind the other: a-{0..3}.tar::b-{0..5}.tar is 4 and 6 items.
  patterns  * within one of ITEMS makes it stand for the files that match: * within one name, **
            across folders (dir/**.tar). Quote it. Names with a leading dot need one in the pattern.
            Nothing in lines is ever a range or a pattern, and with --literal nothing in ITEMS is.
)";

constexpr const char* kExamples = R"(
Examples:
  wq-push shards 's3://bucket/train-{000000..000999}.tar'
  wq-push shards 'train-{000..146}.tar::extra-{00..12}.tar'
  wq-push --fresh shards 'train-{000..146}.tar'
  wq-push images '/data/**.jpg'
  find . -name '*.wav' -print0 | wq-push -0 --once audio
  wq-push jobs --file todo.txt --skip 120000
  wq-push --each-file requests requests/*.json
  wq-push --dry-run shards 'shard-{00..11}.tar'
)";

cli::ProgramText text() {
  using cli::ExitCode;
  return {.name = "wq-push",
          .env_prefix = "WQ_PUSH_",
          .arguments = {{cli::Value::queue()},
                        {.value = cli::Value::file("ITEMS"), .optional = true, .many = true}},
          .summary = kSummary,
          .ending = cli::exit_code_help({ExitCode::done, ExitCode::failure, ExitCode::usage,
                                         ExitCode::no_redis, ExitCode::interrupted,
                                         ExitCode::terminated}) +
                    kExamples};
}

void declare(cli::Options& options, PushOptions& push, bool& null_ended) {
  options.group("Items");
  options.add_list("file", cli::Value::file(), push.source.files,
                   "read items from this file; - is standard input; may be given several times");
  options.add_switch("null,0", null_ended,
                     "items in files and on standard input end with NUL, not with the line; an "
                     "empty one is an item; --dry-run prints the same way");
  options.add_switch("each-file", push.source.each_file,
                     "each item read names a file, whose whole contents are the item");
  options.add_switch("literal", push.source.literal,
                     "take ITEMS as they are: no ranges, no patterns");
  options.add_size("max-item-bytes", push.source.max_item_bytes,
                   "stop at an item that is larger than this", kMaxItemBytes);
  options.add_number("skip", push.skip,
                     "pass over this many items first: how to go on after an interruption (not for "
                     "patterns, since folders have no fixed order: use --once there)");

  options.group("Pushing");
  options.add_switch("once", push.producer.once,
                     "leave out items that were ever pushed to this queue with --once");
  options.add_switch("fresh", push.fresh,
                     "first remove all that an earlier run left in the queue, results and what "
                     "--once knows included; refused while workers or producers are at it, and "
                     "nothing is removed before the first item was read");
  options.only_on_command_line();
  options.add_switch("unless-drained", push.producer.unless_drained,
                     "refuse if the queue is drained already, since its workers may be leaving");
  options.add_switch("dry-run", push.dry_run,
                     "print the items instead of pushing them; Redis is not contacted");
  options.add_switch("allow-eviction", push.producer.allow_eviction,
                     "push even if Redis may evict keys, and with them items");
  cli::add_redis_options(options, push.redis);
  cli::add_log_options(options, push.log);
}

}  // namespace

std::optional<PushOptions> read_push_options(cli::Process& process, int argc,
                                             const char* const* argv) {
  PushOptions push;
  bool null_ended = false;
  push.redis.client_name = "wq-push";
  cli::Options options{text()};
  declare(options, push, null_ended);
  if (!options.parse(argc, argv)) return std::nullopt;
  process.begin_log(push.log, cli::LogStyle::tool);
  for (const std::string& warning : options.warnings()) cli::log(LogLevel::warning, warning);

  if (options.arguments().empty()) {
    throw cli::UsageError("which queue? wq-push QUEUE [ITEMS...]; --help says more");
  }
  push.queue = options.arguments().front();
  push.source.arguments.assign(options.arguments().begin() + 1, options.arguments().end());
  if (push.fresh && push.skip > 0) {
    throw cli::UsageError(
        "--fresh begins anew and --skip goes on: together they would remove what is in; leave out "
        "one of them");
  }
  push.source.records = null_ended ? Records::null_ended : Records::lines;
  cli::check_redis_options(push.redis);
  push.redis.log = cli::log;
  (void)Queue{push.queue, push.redis};  // looks at the name and the URL and does not connect
  return push;
}

}  // namespace wq::push
