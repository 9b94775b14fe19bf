#include <array>
#include <string>

#include <fmt/format.h>

#include <wq/admin.h>

#include "cli/output.h"
#include "wqctl/command.h"
#include "wqctl/view/json.h"
#include "wqctl/view/listing.h"

namespace wq::ctl {

namespace {

struct Words {
  const char* name;  // in JSON
  const char* text;
  const char* not_mended;  // what becomes of what repair leaves
};

// By `Inconsistency::Kind`.
constexpr std::array<Words, 8> kWords{{
    {"missing",
     "missing: lost by Redis (a crash, a failover, eviction, half a transaction in its "
     "append-only file: see torn-aof in wqctl doctor), or removed by another client",
     "push them again"},
    {"unleased", "unleased in processing for more than 5 s",
     "a worker or wqctl gc returns them to the queue"},
    {"stray_lease", "leases of items that are not in processing",
     "leases in force expire by themselves"},
    {"endless_lease", "leases that never expire", "a worker or wqctl gc sets an expiry"},
    {"stale_history", "failures of items that are not in the queue", "harmless"},
    {"dead_worker", "entries of workers without a heartbeat for ten minutes",
     "a worker or wqctl gc removes them"},
    {"expired_hold", "producers without a heartbeat for their whole hold",
     "wqctl gc ends a hold that stays expired for its whole length"},
    {"endless_election", "the election of the reclaimer has no end", "a worker gives it one"},
}};

const Words& words_of(Inconsistency::Kind kind) {
  return kWords.at(static_cast<std::size_t>(kind));
}

std::string text_of(const std::string& queue, const VerifyReport& report, bool repair) {
  const Counts& counts = report.counts;
  std::string text = fmt::format(
      "{}: pushed {}{} = ready {} + processing {} + delayed {} + dead {} + completed {} "
      "+ dropped {} + merged {}",
      cli::one_line(queue), counts.pushed,
      report.foreign_pushes > 0 ? fmt::format(" + pushed by others {}", report.foreign_pushes) : "",
      counts.ready, counts.processing, counts.delayed, counts.dead, counts.completed,
      counts.dropped, counts.merged);
  if (report.unaccounted > 0) text += fmt::format(" + unaccounted {}", report.unaccounted);
  text += '\n';
  if (!report.provable) {
    text +=
        "  RedisWQ clients take items too: their completions are not counted, so these numbers "
        "prove nothing\n";
  }
  for (const Inconsistency& inconsistency : report.inconsistencies) {
    const Words& words = words_of(inconsistency.kind);
    text += fmt::format("  {} {}", inconsistency.count, words.text);
    if (repair) text += fmt::format("; repaired {}", inconsistency.mended);
    if (inconsistency.mended < inconsistency.count) text += fmt::format("; {}", words.not_mended);
    text += '\n';
    for (const std::string& example : inconsistency.examples) {
      text += fmt::format("    {}\n", item_text(example));
    }
  }
  if (report.inconsistencies.empty()) text += "  no inconsistencies\n";
  return text;
}

std::string json_of(const std::string& queue, const VerifyReport& report) {
  const Counts& counts = report.counts;
  Json inconsistencies = Json::array();
  for (const Inconsistency& inconsistency : report.inconsistencies) {
    Json examples = Json::array();
    for (const std::string& example : inconsistency.examples) {
      put_bytes(examples.emplace_back(Json::object()), "text", example);
    }
    inconsistencies.push_back({{"kind", words_of(inconsistency.kind).name},
                               {"count", inconsistency.count},
                               {"mended", inconsistency.mended},
                               {"examples", examples}});
  }
  return json_line({{"queue", queue},
                    {"provable", report.provable},
                    {"pushed", counts.pushed},
                    {"foreign_pushes", report.foreign_pushes},
                    {"ready", counts.ready},
                    {"processing", counts.processing},
                    {"delayed", counts.delayed},
                    {"dead", counts.dead},
                    {"completed", counts.completed},
                    {"dropped", counts.dropped},
                    {"merged", counts.merged},
                    {"unaccounted", report.unaccounted},
                    {"findings", inconsistencies}}) +
         "\n";
}

}  // namespace

cli::ExitCode run_verify(cli::Process& process, int argc, const char* const* argv) {
  Target target;
  cli::Options options{command_text(
      "verify",
      "Compares the counters with the items in one atomic read, and looks for inconsistencies:\n"
      "unleased items, leases without an item, leases and elections that never expire, records of\n"
      "removed items, dead workers and producers. Items pushed by other clients and merged equal\n"
      "items are counted, not reported. Exits with 1 if an inconsistency was not repaired.\n"
      "Reads all leased items and scans all keys of the database for leases. If failures are\n"
      "recorded (for at most a million items), reads all items twice. All in small steps. Takes\n"
      "5 s longer if it finds an inconsistency, to see whether it persists.\n",
      "Examples:\n"
      "  wqctl verify shards\n"
      "  wqctl verify shards --repair\n")};
  bool repair = false;
  options.add_switch("repair", repair,
                     "repair inconsistencies without losing an item; safe at any time");
  add_json_switch(options, target, "lines for people");
  if (!read_target(process, options, argc, argv, target)) return cli::ExitCode::done;
  if (!repair) only_look(target);

  Admin admin{target.queue, target.redis};
  const VerifyReport report = repair ? admin.repair() : admin.verify();
  cli::write_out(target.json ? json_of(target.queue, report)
                             : text_of(target.queue, report, repair));
  for (const Inconsistency& inconsistency : report.inconsistencies) {
    if (inconsistency.mended < inconsistency.count) return cli::ExitCode::failure;
  }
  return cli::ExitCode::done;
}

}  // namespace wq::ctl
