// wq-bench: measures everything in one run, against bare loops on the same redis-server.

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "bench/bench.h"
#include "bench/groups.h"
#include "bench/text.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/run_main.h"

namespace wq::bench {
namespace {

struct Group {
  char letter;
  const char* what;
  std::vector<Result> (*measure)(Bench&);
};

constexpr std::array kGroups{
    Group{'a', "push", measure_push},
    Group{'b', "drain in batches", measure_drain},
    Group{'c', "one item at a time", measure_one_by_one},
    Group{'c', "one item at a time to many slots", measure_many_slots},
    Group{'d', "what is queued, stuck, and working besides", measure_scaling},
    Group{'d', "what is in flight, and the order in which it ends", measure_settle_order},
    Group{'e', "memory of the programs", measure_resident_memory},
    Group{'f', "memory of Redis", measure_redis_memory},
    Group{'g', "a process for each item", measure_processes},
    Group{'h', "start-up and idle CPU", measure_start_up},
    Group{'i', "results, a history and totals, against none", measure_results},
    Group{'j', "two queues by weight, against one", measure_several_queues},
    Group{'k', "1,000 queues of a group, against one", measure_queue_group},
    Group{'l', "a replica that confirms, against none", measure_durable},
    Group{'m', "a hundred, a thousand, four thousand workers", measure_fleet},
};

struct BenchOptions {
  std::string only = "a,b,c,d,e,f,g,h,i,j,k,l,m";
  unsigned rounds = 5;
  double scale = 1;
  std::string json;
};

/// "a,b" as letters.
std::string letters(const std::string& text) {
  std::string chosen;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const bool known = std::any_of(kGroups.begin(), kGroups.end(),
                                   [&](const Group& group) { return group.letter == text[i]; });
    if (!known || (i + 1 < text.size() && (text[i + 1] != ',' || i + 2 == text.size()))) {
      throw std::invalid_argument(fmt::format("'{}' is not a list such as a,b of a to m", text));
    }
    chosen += text[i];
  }
  return chosen;
}

double scale_of(const std::string& text) {
  double scale = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), scale);
  if (error != std::errc{} || end != text.data() + text.size() || !(scale > 0) || scale > 10) {
    throw std::invalid_argument(fmt::format("'{}' is not a number above 0, at most 10", text));
  }
  return scale;
}

cli::ProgramText text() {
  std::string summary =
      "Measures wq against bare hiredis loops on the same Redis, which it starts, in turns, and\n"
      "prints the medians. Each measurement checks that no item is missing or was worked on "
      "twice.\n"
      "Figures mean something on a machine that does nothing else.\n\n";
  for (const Group& group : kGroups) summary += fmt::format("  {}  {}\n", group.letter, group.what);
  return {.name = "wq-bench",
          .env_prefix = "WQ_BENCH_",
          .summary = std::move(summary),
          .ending =
              "Exit codes: 0 measured, whatever the figures are; 1 a measurement went wrong; 2 "
              "usage.\n"};
}

/// False if help was asked for.
bool read(int argc, const char* const* argv, BenchOptions& bench) {
  cli::Options options{text()};
  options.add(
      "only", cli::Value::text("LIST"), "the groups to measure, such as a,b",
      [&](const std::string& list) { bench.only = letters(list); }, bench.only);
  options.add_number("rounds", bench.rounds, "how often everything is measured, in turns", 1,
                     1'000);
  options.add(
      "scale", cli::Value::text("X"), "the part of the full amount of work to do, for a quick look",
      [&](const std::string& number) { bench.scale = scale_of(number); }, "1");
  options.add_text("json", cli::Value::file(), bench.json, "write everything there as well");
  if (!options.parse(argc, argv)) return false;
  if (!options.arguments().empty()) {
    throw cli::UsageError(fmt::format("unexpected argument '{}'", options.arguments().front()));
  }
  return true;
}

cli::ExitCode run(int argc, const char* const* argv) {
  BenchOptions options;
  if (!read(argc, argv, options)) return cli::ExitCode::done;
  std::ofstream json;
  if (!options.json.empty()) {
    json.open(options.json);
    if (!json) throw cli::UsageError(fmt::format("--json: cannot write to '{}'", options.json));
  }
  const double load = machine_load();
  Bench bench(options.scale, options.rounds);
  const RunFacts facts{bench.redis_version(), options.scale, options.rounds, load};
  std::vector<Result> results;
  for (const Group& group : kGroups) {
    if (options.only.find(group.letter) == std::string::npos) continue;
    cli::print_error("wq-bench", fmt::format("{}: {}", group.letter, group.what));
    for (Result& result : group.measure(bench)) results.push_back(std::move(result));
  }
  cli::write_out(facts_text(facts) + "\n" + table_text(results));
  json << json_text(facts, results);
  if (json.is_open() && !json.flush()) throw std::runtime_error("cannot write " + options.json);
  return cli::ExitCode::done;
}

}  // namespace
}  // namespace wq::bench

int main(int argc, char** argv) {
  return wq::cli::run_main("wq-bench",
                           [&](wq::cli::Process&) { return wq::bench::run(argc, argv); });
}
