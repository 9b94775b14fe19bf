#include "wqctl/view/snapshot.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "cli/output.h"
#include "cli/progress_line.h"
#include "cli/terminal.h"
#include "cli/units.h"
#include "wqctl/view/listing.h"

namespace wq::ctl {

namespace {

using std::chrono::milliseconds;

enum class Colour { none, bold, green, yellow, red };

std::string painted(const std::string& text, Colour colour) {
  constexpr std::array kCodes{0, 1, 32, 33, 31};
  if (colour == Colour::none) return text;
  return fmt::format("\x1b[{}m{}\x1b[0m", kCodes.at(static_cast<std::size_t>(colour)), text);
}

/// Text that must stay on one line.
struct Piece {
  std::string text;
  Colour colour = Colour::none;
};

/// Puts the pieces into as few lines as they need. A piece wider than a line is cut.
void lay_out(const std::vector<Piece>& pieces, std::size_t columns, bool colour,
             std::vector<std::string>& lines) {
  std::string line;
  std::size_t used = 0;
  for (const Piece& piece : pieces) {
    if (piece.text.empty()) continue;
    const std::string text = cli::fit(piece.text, columns);
    const std::size_t width = cli::columns_of(text);
    if (used > 0 && used + 2 + width > columns) {
      lines.push_back(std::exchange(line, ""));
      used = 0;
    }
    if (used > 0) line += "  ";
    used += (used > 0 ? 2 : 0) + width;
    line += colour ? painted(text, piece.colour) : text;
  }
  if (used > 0) lines.push_back(line);
}

bool has_begun(const Counts& counts) {
  return !counts.id.empty() || counts.ready > 0 || counts.processing > 0;
}

std::string stages_text(const Counts& counts) {
  std::string text;
  for (const EarlierStage& stage : counts.after) {
    text += (text.empty() ? "" : ", ") + cli::one_line(stage.queue);
  }
  return text;
}

// Of a queue that is empty while the stages before it are not.
std::string behind_text(const Snapshot& now) {
  if (!now.counts.empty() || now.counts.after.empty() || is_drained(now)) return "";
  return "empty, behind " + stages_text(now.counts);
}

std::string not_begun_text(const Snapshot& now) {
  const Counts& counts = now.counts;
  if (is_drained(now)) return "no item came from " + stages_text(counts) + ", drained";
  if (!counts.after.empty()) return "not begun, behind " + stages_text(counts);
  std::string text = counts.producers > 0 ? "not begun, a producer is about to push"
                                          : "not begun, no item was pushed yet";
  return counts.paused ? text + ", paused" : text;
}

milliseconds whole(Seconds time) { return std::chrono::duration_cast<milliseconds>(time); }

std::string rates_text(const Eta& eta) {
  if (eta.span <= Seconds{0}) return "";
  std::string text = rate_text(eta.rate_now) + " now";
  if (eta.span > Seconds{10}) {
    text += fmt::format(", {} over {}", rate_text(eta.rate),
                        age_text(std::chrono::floor<std::chrono::seconds>(eta.span)));
  }
  return text;
}

/// RedisWQ clients send no heartbeat: once one was seen, the number of workers is unknown.
bool knows_workers(const Counts& counts) {
  return counts.foreign == 0 && (counts.leased > 0 || counts.processing == 0);
}

std::string workers_text(const Snapshot& now) {
  if (!has_begun(now.counts) || is_drained(now)) return "";
  if (now.crew.alive + now.crew.overdue == 0) {
    return knows_workers(now.counts) ? "no workers" : "";
  }
  std::string text = cli::plural(now.crew.alive, "worker");
  if (now.crew.overdue > 0) text += fmt::format(" ({} more without a heartbeat)", now.crew.overdue);
  return text;
}

std::string returned_text(const Counts& counts) {
  return counts.arrives_late() ? fmt::format("{} arrived too late to be leased", counts.returned)
                               : "";
}

std::string oldest_text(const Snapshot& now) {
  return now.crew.oldest ? "oldest lease " + age_text(*now.crew.oldest) : "";
}

/// The part of all items that left the queue for good.
double fraction_of(const Counts& counts) {
  const auto left = static_cast<double>(cli::left_in(counts));
  const auto gone = static_cast<double>(cli::gone_from(counts));
  const double all = std::max(static_cast<double>(counts.pushed), left + gone);
  return all > 0 ? (all - left) / all : 0;
}

std::string percent_text(double fraction) {
  // 100% only when no item is left.
  return fmt::format("{:.1f}%", std::floor(fraction * 1'000) / 10);
}

Json seconds_json(const std::optional<Seconds>& time) {
  return time ? Json(std::round(time->count() * 10) / 10) : Json();
}

}  // namespace

QueueState state_with_stages(Queue& queue, const Counts& counts) {
  if (!counts.after.empty()) return queue.state();
  if (counts.id.empty()) return QueueState::not_begun;
  return counts.drained() ? QueueState::drained : QueueState::open;
}

Crew crew_of(std::span<const WorkerInfo> workers) {
  Crew crew;
  for (const WorkerInfo& worker : workers) ++(worker.overdue() ? crew.overdue : crew.alive);
  crew.oldest = oldest_lease(workers);
  return crew;
}

void drop_outdated(Snapshot& now) {
  if (is_drained(now)) now.crew = {};
  if (now.counts.processing == 0) now.crew.oldest.reset();
}

std::string status_line(const Snapshot& now) {
  const Counts& counts = now.counts;
  const std::string name = cli::one_line(now.queue);
  if (!has_begun(counts)) return fmt::format("{}: {}", name, not_begun_text(now));
  std::string line =
      fmt::format("{}: ready {}, processing {}, delayed {}, dead {}, completed {}", name,
                  counts.ready, counts.processing, counts.delayed, counts.dead, counts.completed);
  if (counts.pushed > 0) line += fmt::format(" of {} pushed", counts.pushed);
  if (counts.crashed > 0) line += fmt::format(", crashed {}", counts.crashed);
  if (counts.lost > 0) line += fmt::format(", lost {}", counts.lost);
  for (const std::string& more : {returned_text(counts), workers_text(now), oldest_text(now)}) {
    if (!more.empty()) line += ", " + more;
  }
  if (counts.producers > 0)
    line += fmt::format(", {} filling it", cli::plural(counts.producers, "producer"));
  if (counts.paused) line += ", paused";
  if (is_drained(now)) line += ", drained";
  if (const std::string behind = behind_text(now); !behind.empty()) line += ", " + behind;
  return line;
}

std::string silence_text(const Snapshot& now, const Eta& eta) {
  if (!eta.silent) return "";
  std::string text = fmt::format("no item completed for {}", age_text(whole(*eta.silent)));
  if (now.crew.alive == 0 && knows_workers(now.counts)) return text + ": no worker is alive";
  if (now.crew.oldest) text += "; oldest lease " + age_text(*now.crew.oldest);
  return text;
}

std::string watch_line(const Snapshot& now, const Eta& eta) {
  std::string line = status_line(now);
  if (!has_begun(now.counts) || is_drained(now)) return line;
  for (const std::string& more : {rates_text(eta), left_text(eta), silence_text(now, eta)}) {
    if (!more.empty()) line += ", " + more;
  }
  return line;
}

Json counts_json(const Counts& counts) {
  return {
      {"id", counts.id},
      {"drained", counts.drained()},
      {"paused", counts.paused},
      {"producers", counts.producers},
      {"ready", counts.ready},
      {"processing", counts.processing},
      {"delayed", counts.delayed},
      {"dead", counts.dead},
      {"pushed", counts.pushed},
      {"leased", counts.leased},
      {"completed", counts.completed},
      {"failed", counts.failed},
      {"crashed", counts.crashed},
      {"returned", counts.returned},
      {"released", counts.released},
      {"died", counts.died},
      {"dropped", counts.dropped},
      {"merged", counts.merged},
      {"foreign", counts.foreign},
      {"lost", counts.lost},
      {"recovered", counts.recovered},
  };
}

Json status_json(const Snapshot& now) {
  Json json{{"queue", now.queue}};
  json.update(counts_json(now.counts));
  json["drained"] = is_drained(now);
  json["after"] = Json::array();
  for (const EarlierStage& stage : now.counts.after) json["after"].push_back(stage.queue);
  json["workers"] = now.crew.alive;
  json["workers_overdue"] = now.crew.overdue;
  json["oldest_lease_ms"] = now.crew.oldest ? Json(now.crew.oldest->count()) : Json();
  json["last_due_ms"] = now.last_due ? Json(now.last_due->count()) : Json();
  return json;
}

Json watch_json(const Snapshot& now, const Eta& eta) {
  Json json = status_json(now);
  json["watched_seconds"] = seconds_json(eta.span);
  json["rate_now"] = std::round(eta.rate_now * 1'000) / 1'000;
  json["rate"] = std::round(eta.rate * 1'000) / 1'000;
  json["left_min_seconds"] = seconds_json(eta.least);
  json["left_max_seconds"] = seconds_json(eta.most);
  json["silent_seconds"] = seconds_json(eta.silent);
  return json;
}

std::vector<std::string> watch_frame(const Snapshot& now, const Eta& eta, std::size_t columns,
                                     bool colour) {
  // The last column is left free, since some terminals begin a new line in it.
  const std::size_t room = std::max<std::size_t>(columns, 2) - 1;
  const Counts& counts = now.counts;
  std::vector<std::string> lines;
  std::string name = cli::fit(cli::one_line(now.queue), std::max<std::size_t>(room / 2, 10));
  if (!has_begun(counts)) {
    lay_out({{name, Colour::bold}, {not_begun_text(now)}}, room, colour, lines);
    return lines;
  }

  const double fraction = fraction_of(counts);
  const std::string percent = percent_text(fraction);
  const std::size_t used = cli::columns_of(name) + percent.size() + 4;
  lay_out({{name, Colour::bold},
           {used < room ? cli::bar_text(fraction, room - used) : "", Colour::green},
           {percent}},
          room, colour, lines);
  const auto alarming = [](const char* what, std::uint64_t n, Colour alarm) {
    return Piece{n > 0 ? fmt::format("{} {}", what, n) : "", alarm};
  };
  lay_out({{fmt::format("ready {}", counts.ready)},
           {fmt::format("processing {}", counts.processing)},
           alarming("delayed", counts.delayed, Colour::none),
           {counts.pushed > 0
                ? fmt::format("completed {} of {} pushed", counts.completed, counts.pushed)
                : fmt::format("completed {}", counts.completed)},
           alarming("dead", counts.dead, Colour::red),
           alarming("crashed", counts.crashed, Colour::yellow),
           alarming("lost", counts.lost, Colour::red),
           {returned_text(counts), Colour::yellow},
           {is_drained(now) ? "drained" : "", Colour::green},
           {behind_text(now)}},
          room, colour, lines);
  if (is_drained(now)) return lines;
  const bool filling = counts.producers > 0;
  lay_out({{rates_text(eta)},
           {left_text(eta), Colour::bold},
           {filling ? cli::plural(counts.producers, "producer") + " filling it" : ""}},
          room, colour, lines);
  const std::string silence = silence_text(now, eta);
  lay_out({{workers_text(now),
            now.crew.alive == 0 || now.crew.overdue > 0 ? Colour::yellow : Colour::none},
           {silence.empty() ? oldest_text(now) : ""},
           {counts.paused ? "paused" : "", Colour::yellow},
           {silence, Colour::yellow}},
          room, colour, lines);
  return lines;
}

}  // namespace wq::ctl
