#include <array>
#include <cstddef>

#include <fmt/format.h>

#include "base/name_in.h"
#include "cli/output.h"
#include "cli/terminal.h"
#include "queue/attempts.h"
#include "wqctl/view/json.h"
#include "wqctl/view/listing.h"

namespace wq::ctl {

namespace {

using Columns = std::array<std::string, 7>;

// A longer value shifts the rest of its line.
constexpr std::array<std::size_t, 7> kWidths{22, 9, 9, 9, 18, 9, 20};

std::string line_of(const Columns& columns, std::string_view item) {
  std::string line;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    line += cli::padded(columns.at(i) + "  ", kWidths.at(i));
  }
  return line.append(item) += '\n';
}

std::string_view outcome_name(Outcome::Kind outcome) {
  return internal::name_in(internal::kOutcomes, outcome);
}

std::string end_text(const Attempt& each) {
  std::string text(outcome_name(each.outcome));
  if (each.exit_code) return text += fmt::format(", exit {}", *each.exit_code);
  if (each.signal) return text += fmt::format(", signal {}", *each.signal);
  return each.kind ? text.append(", ").append(wq::text(*each.kind)) : text;
}

ServerTime begun_at(const Attempt& each) {
  return std::chrono::floor<std::chrono::milliseconds>(each.usage.begun.value_or(ServerTime{}));
}

}  // namespace

std::string attempt_heading() {
  return line_of({"BEGUN", "TOOK", "CPU", "MEMORY", "OUTCOME", "ATTEMPT", "WORKER"}, "ITEM");
}

std::string attempt_line(const Attempt& each) {
  const Usage& usage = each.usage;
  return line_of({time_text(begun_at(each)), age_text(usage.wall_time),
                  usage.cpu_time ? age_text(*usage.cpu_time) : "-",
                  usage.max_rss_bytes ? memory_text(*usage.max_rss_bytes) : "-", end_text(each),
                  fmt::to_string(each.attempt), cli::one_line(each.worker)},
                 item_text(each.item) + (each.whole ? "" : "..."));
}

std::string attempt_json(const Attempt& each) {
  const Usage& usage = each.usage;
  Json json;
  json["item"] = each.item;
  if (!each.whole) json["whole"] = false;
  json["sha224"] = each.sha224;
  json["outcome"] = outcome_name(each.outcome);
  if (each.kind) json["kind"] = text(*each.kind);
  if (each.exit_code) json["exit_code"] = *each.exit_code;
  if (each.signal) json["signal"] = *each.signal;
  json["begun"] = time_text(begun_at(each));
  json["begun_ms"] = begun_at(each).time_since_epoch().count();
  json["wall_ms"] = usage.wall_time.count();
  if (usage.cpu_time) json["cpu_ms"] = usage.cpu_time->count();
  if (usage.max_rss_bytes) json["max_rss_bytes"] = *usage.max_rss_bytes;
  json["attempt"] = each.attempt;
  json["fence"] = each.fence;
  json["worker"] = each.worker;
  json["host"] = each.host;
  json["slot"] = usage.slot;
  if (!usage.stderr_tail.empty()) json["stderr_tail"] = usage.stderr_tail;
  return json_line(json);
}

}  // namespace wq::ctl
