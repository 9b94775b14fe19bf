#include "wq-push/push_options.h"

#include <fmt/format.h>

#include <wq/lanes.h>
#include <wq/queue.h>

#include "cli/exit_code.h"
#include "cli/json_item.h"
#include "cli/options.h"
#include "cli/redis_flags.h"
#include "cli/units.h"

namespace wq::push {

namespace {

// The longest value that Redis accepts by default (proto-max-bulk-len).
constexpr std::uint64_t kMaxItemBytes = 512 * 1024 * 1024;

constexpr const char* kSummary =
    R"(Pushes items to a queue: the ITEMS and the lines of each --file, or else the lines of standard
input. Input is streamed: workers get items while wq-push reads more, and the queue stays open
until the input ends, so that workers wait.

  lines     Empty lines are skipped; every other line is an item, unchanged (including a CR at its
            end). The last line needs no line end. With -0, items end with NUL bytes.
            gzip and zstd are decompressed; other compressed lists and UTF-16 are refused; a
            byte-order mark is removed.
  ranges    {000..999} in ITEMS is a range, as in WebDataset. Only digits make a range; other
            braces are literal. Ranges in one argument multiply; :: concatenates ranges:
            a-{0..3}.tar::b-{0..5}.tar is 4 and 6 items.
  patterns  * in ITEMS matches files: * within one name, ** across folders (dir/**.tar). Quote it.
            Names with a leading dot need a dot in the pattern. Lines are never ranges or
            patterns, and with --literal ITEMS are neither.
  JSON      With --jsonl each line is an object: the item, and if wanted when workers get it and its
            once-key: {"item": {"id": 7}, "delay": "10m", "once": "order-7"}. A text is the item
            itself, of other values the JSON is. An item whose once-key was pushed is skipped.
  streams   The item of an entry is its --field, or its only field, or else the whole entry as one
            JSON object. With --follow, the queue stays open, and entries are acknowledged once
            their items are in the queue. The queue keeps about 80 bytes for each.
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
  wq-push --from-keys 'user:*' --field email mails
  wq-push --from-stream orders --follow jobs
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

// A number above this limits nothing.
constexpr std::uint64_t kHighestRate = 1'000'000'000;

std::uint64_t parse_rate(const std::string& text) {
  try {
    if (text.ends_with("/s"))
      return cli::parse_number(text.substr(0, text.size() - 2), 1, kHighestRate);
  } catch (const std::invalid_argument&) {
  }
  throw std::invalid_argument(
      fmt::format("'{}' is not a whole number of items per second, such as 100/s", text));
}

constexpr const char* kAllFromRedis = "it takes all items from Redis";

cli::Setter not_empty(std::string& value) {
  return [&value](const std::string& text) {
    if (text.empty()) throw std::invalid_argument("its value is empty");
    value = text;
  };
}

void declare_lanes(cli::Options& options, PushOptions& push) {
  options.add_number(
      "lanes", push.lanes,
      "push to N lanes in turn, for wq-worker --lanes N: queues {QUEUE:0}, {QUEUE:1} "
      "and so on, on different nodes of a cluster. What has a once-key goes to the "
      "lane of that",
      1, kMostLanes);
  options.not_with({"fresh", "unless-drained", "durable", "from-keys", "from-stream"});
  options.add_switch("lanes-by-hash", push.lanes_by_hash,
                     "to the same lane all items that are equal up to the first tab or blank");
  options.only_with({"lanes"});
  options.not_with({"once"}, "that chooses the lane by the whole item");
}

void declare(cli::Options& options, PushOptions& push, bool& null_ended) {
  options.group("Items");
  options.add_list("file", cli::Value::file(), push.source.files,
                   "read items from this file; - is standard input; may be given several times");
  options.add_switch("null,0", null_ended,
                     "items in files and on standard input end with NUL instead of a line end, and "
                     "may be empty; --dry-run prints the same way");
  options.add_switch("each-file", push.source.each_file,
                     "read file names; the contents of each file are an item");
  options.not_with({"jsonl"});
  options.add_switch("jsonl", push.source.json_lines,
                     "each line of files and standard input is JSON: {\"item\": text or JSON, "
                     "\"delay\": \"10s\" or ms, \"once\": key}; delay and once may be left out");
  options.not_with({"null"});
  options.add_switch("literal", push.source.literal, "do not expand ranges or patterns in ITEMS");
  options.add("from-keys", cli::Value::text("PATTERN"),
              "the items are the names of the keys of this Redis that match the glob, without "
              "those of the queue; a key that appears meanwhile may be among them",
              not_empty(push.source.keys));
  options.not_with({"file", "jsonl", "each-file"}, kAllFromRedis);
  options.not_with({"skip"}, "Redis shows its keys in no fixed order; use --once");
  options.add("from-stream", cli::Value::text("KEY"),
              "the items are the entries that this stream of the same Redis holds now",
              not_empty(push.source.stream));
  options.not_with({"from-keys", "file", "jsonl", "each-file"}, kAllFromRedis);
  options.add_switch("follow", push.source.follow,
                     "then wait for more entries until SIGINT or SIGTERM; a consumer group "
                     "remembers how far this came, and no entry is pushed twice");
  options.only_with({"from-stream"});
  options.not_with({"skip", "fresh", "once", "dry-run"},
                   "the consumer group of the stream remembers which entries were pushed");
  options.add_text("field", cli::Value::text("NAME"), push.source.field,
                   "the item is this field of the hash at each key, or of each entry of the "
                   "stream; what has no such field is counted and left out");
  options.only_with({"from-keys", "from-stream"});
  options.add_size("max-item-bytes", push.source.max_item_bytes, "stop at an item larger than this",
                   kMaxItemBytes);
  options.add_number("skip", push.skip,
                     "skip the first N items, to resume after an interruption (not for patterns: "
                     "folders have no fixed order; use --once)");

  options.group("Pushing");
  options.add_switch("once", push.producer.once,
                     "skip items pushed to this queue before with --once");
  options.add_duration("delay", push.delay,
                       "workers get an item this long after its push, at most 24h; of equal items "
                       "that wait, one is kept");
  options.add(
      "rate", cli::Value::text("N/s"),
      "push at most N items a second, evenly: a tenth of a second's worth at once, or one item",
      [&push](const std::string& text) { push.per_second = parse_rate(text); });
  options.add_number("durable", push.producer.durable_replicas,
                     "report success only when N replicas have all items, and where Redis has "
                     "WAITAOF (7.2) and an append-only file, on disk; waits for them up to "
                     "--redis-patience (0: no wait)");
  options.add_switch("fresh", push.fresh,
                     "first remove everything of an earlier run from the queue, including results "
                     "and the memory of --once; refused while workers or producers are active; "
                     "removes nothing before the first item is read");
  options.only_on_command_line();
  declare_lanes(options, push);
  options.add_switch("unless-drained", push.producer.unless_drained,
                     "refuse if the queue is already drained, since its workers may be exiting");
  options.add_switch(
      "dry-run", push.dry_run,
      "print the items instead of pushing them; nothing is written to Redis, and only "
      "--from-keys and --from-stream read from it");
  options.add_switch("allow-eviction", push.producer.allow_eviction,
                     "push even if Redis may evict keys, which loses items");
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
    throw cli::UsageError("the queue is missing: wq-push QUEUE [ITEMS...]; see --help");
  }
  push.queue = options.arguments().front();
  push.source.arguments.assign(options.arguments().begin() + 1, options.arguments().end());
  if (push.fresh && push.skip > 0) {
    throw cli::UsageError(
        "--fresh starts over and --skip resumes: together they would remove the items pushed so "
        "far; use one of them");
  }
  const bool from_redis = options.given("from-keys") || options.given("from-stream");
  if (from_redis && !push.source.arguments.empty()) {
    throw cli::UsageError(
        fmt::format("--from-keys and --from-stream take all items from Redis: leave out '{}', or "
                    "push it by itself",
                    push.source.arguments.front()));
  }
  if (push.delay > cli::kLongestDelay) {
    throw cli::UsageError(fmt::format("--delay {} is longer than {}, the longest delay",
                                      cli::duration_text(push.delay),
                                      cli::duration_text(cli::kLongestDelay)));
  }
  push.source.records = null_ended ? Records::null_ended : Records::lines;
  cli::check_redis_options(push.redis);
  push.redis.log = cli::log;
  if (push.lanes > 0) (void)lane_names(push.queue, push.lanes);
  (void)Queue{push.queue, push.redis};  // looks at the name and the URL and does not connect
  return push;
}

}  // namespace wq::push
