#include "bench/text.h"

#include <array>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <wq/version.h>

namespace wq::bench {
namespace {

using Json = nlohmann::ordered_json;

/// Three digits that say something, thousands set apart.
std::string number_text(double value) {
  if (value != 0 && std::abs(value) < 1'000) {
    return fmt::format("{:.{}f}", value, std::abs(value) < 10 ? 3 : 1);
  }
  std::string digits = fmt::format("{:.0f}", value);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(static_cast<std::size_t>(at), ",");
  }
  return digits;
}

std::string goal_text(const Result& result) {
  if (!result.goal) return "";
  using Kind = Goal::Kind;
  const Kind kind = result.goal->kind;
  const bool ratio = kind == Kind::ratio_at_least || kind == Kind::ratio_at_most;
  const bool most = kind == Kind::ours_at_most || kind == Kind::ratio_at_most;
  return fmt::format("{}{} {}{}", ratio ? "ratio " : "", most ? "<=" : ">=", result.goal->value,
                     ratio ? "" : " " + result.unit);
}

std::string reached_text(const Result& result) {
  const auto reached = result.reached();
  return !reached ? "" : *reached ? "yes" : "NO";
}

std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown";
}

template <typename T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

Json json_of(const Result& result) {
  Json json = {{"group", result.group},
               {"name", result.name},
               {"unit", result.unit},
               {"ours", median(result.ours)},
               {"ours_by_round", result.ours}};
  if (!result.baseline.empty()) {
    json["baseline_name"] = result.baseline_name;
    json["baseline"] = median(result.baseline);
    json["baseline_by_round"] = result.baseline;
  }
  json["ratio"] = or_null(result.ratio());
  json["goal"] = result.goal ? Json(goal_text(result)) : Json();
  json["reached"] = or_null(result.reached());
  json["note"] = result.note;
  return json;
}

}  // namespace

std::string table_text(const std::vector<Result>& results) {
  std::string text =
      "| | what | ours | baseline | ratio | goal | reached |\n"
      "| --- | --- | ---: | ---: | ---: | --- | --- |\n";
  std::string notes;
  std::string last_note;
  for (const Result& result : results) {
    const auto ratio = result.ratio();
    const std::string baseline =
        ratio ? fmt::format("{} ({})", number_text(median(result.baseline)), result.baseline_name)
              : "";
    text += fmt::format("| {} | {} | {} {} | {} | {} | {} | {} |\n", result.group, result.name,
                        number_text(median(result.ours)), result.unit, baseline,
                        ratio ? fmt::format("{:.2f}", *ratio) : "", goal_text(result),
                        reached_text(result));
    if (!result.note.empty() && result.note != last_note) {
      notes += fmt::format("- {}: {}: {}.\n", result.group, result.name, result.note);
      last_note = result.note;
    }
  }
  return text + "\n" + notes;
}

std::string facts_text(const RunFacts& facts) {
  return fmt::format(
      "wq {}, Redis {} on a unix socket without persistence; {} cores of {}; {}, {}; scale {}, {} "
      "rounds, medians; load before the run {:.2f}\n",
      kVersion, facts.redis_version, std::thread::hardware_concurrency(), cpu_model(),
      WQ_BENCH_COMPILER, WQ_BENCH_BUILD_TYPE, facts.scale, facts.rounds, facts.load_before);
}

std::string json_text(const RunFacts& facts, const std::vector<Result>& results) {
  Json json = {
      {"wq", kVersion},
      {"redis", facts.redis_version},
      {"transport", "unix socket"},
      {"persistence", "none"},
      {"cpu", cpu_model()},
      {"cores", std::thread::hardware_concurrency()},
      {"compiler", WQ_BENCH_COMPILER},
      {"build_type", WQ_BENCH_BUILD_TYPE},
      {"scale", facts.scale},
      {"rounds", facts.rounds},
      {"load_before", facts.load_before},
  };
  json["results"] = Json::array();
  for (const Result& result : results) json["results"].push_back(json_of(result));
  return json.dump(2) + "\n";
}

double machine_load() {
  std::array<double, 1> load{};
  return getloadavg(load.data(), 1) == 1 ? load[0] : 0;
}

}  // namespace wq::bench
