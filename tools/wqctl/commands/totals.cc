#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <wq/queue.h>

#include "cli/output.h"
#include "wqctl/command.h"
#include "wqctl/view/json.h"
#include "wqctl/view/listing.h"

namespace wq::ctl {

namespace {

struct Column {
  const char* name;
  std::string KeyTotals::*value;
};
// --top sorts by the first of these that the queue has.
constexpr std::array<Column, 4> kColumns{{{"sum", &KeyTotals::sum},
                                          {"count", &KeyTotals::count},
                                          {"max", &KeyTotals::max},
                                          {"min", &KeyTotals::min}}};

std::vector<Column> columns_of(const std::vector<KeyTotals>& keys) {
  std::vector<Column> columns;
  for (const Column& column : kColumns) {
    const auto has_it = [&column](const KeyTotals& each) { return !(each.*column.value).empty(); };
    if (std::ranges::any_of(keys, has_it)) columns.push_back(column);
  }
  return columns;
}

/// The n keys with the greatest numbers, these first, of those that have one. Of equal numbers the
/// order stays.
void keep_top(std::vector<KeyTotals>& keys, std::size_t n, const Column& by) {
  std::erase_if(keys, [&by](const KeyTotals& each) { return (each.*by.value).empty(); });
  const auto number = [&by](const KeyTotals& each) {
    return std::strtold((each.*by.value).c_str(), nullptr);
  };
  std::ranges::stable_sort(keys, std::ranges::greater{}, number);
  keys.resize(std::min(n, keys.size()));
}

/// As RFC 4180 has it.
std::string csv_field(const std::string& text) {
  if (text.find_first_of("\",\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted.append(c == '"' ? 2 : 1, c);
  return quoted += '"';
}

std::string csv(const std::vector<KeyTotals>& keys, std::span<const Column> columns) {
  if (keys.empty()) return {};
  std::string lines = "key";
  for (const Column& column : columns) lines.append(1, ',').append(column.name);
  lines += '\n';
  for (const KeyTotals& each : keys) {
    lines += csv_field(each.key);
    for (const Column& column : columns) lines.append(1, ',').append(each.*column.value);
    lines += '\n';
  }
  return lines;
}

std::string json(const std::vector<KeyTotals>& keys, std::span<const Column> columns) {
  std::string lines;
  for (const KeyTotals& each : keys) {
    Json line;
    put_bytes(line, "key", each.key);
    std::string text = json_line(line);
    text.pop_back();
    // The digits as they are: a double would not hold all of them.
    for (const Column& column : columns) {
      if ((each.*column.value).empty()) continue;
      text += fmt::format(",\"{}\":{}", column.name, each.*column.value);
    }
    lines += text + "}\n";
  }
  return lines;
}

std::string table(const std::vector<KeyTotals>& keys, std::span<const Column> columns) {
  if (keys.empty()) return {};
  std::vector<std::vector<std::string>> rows{{"KEY"}};
  for (const Column& column : columns) {
    std::string heading(column.name);
    std::ranges::transform(heading, heading.begin(), [](char c) { return c - 'a' + 'A'; });
    rows.front().push_back(std::move(heading));
  }
  for (const KeyTotals& each : keys) {
    rows.push_back({item_text(each.key)});
    for (const Column& column : columns) rows.back().push_back(each.*column.value);
  }
  return table_text(rows);
}

std::string distinct_text(const Totals& totals, bool as_json, bool as_csv) {
  if (as_json) return fmt::format("{{\"distinct\":{}}}\n", totals.distinct);
  if (!as_csv) return fmt::format("distinct: {}\n", totals.distinct);
  return totals.keys.empty() ? fmt::format("distinct\n{}\n", totals.distinct) : std::string();
}

}  // namespace

cli::ExitCode run_totals(cli::Process& process, int argc, const char* const* argv) {
  Target target;
  cli::Options options{command_text(
      "totals",
      "Shows the totals that wq-worker --reduce has added up: the sum, the count, the greatest or\n"
      "the least number of each key, ordered by key. A completed item counts once, however often\n"
      "it ran. Sums are exact to the last digit for whole numbers, and to nine decimal places for\n"
      "others. \"distinct\" estimates how many different keys there are (standard error 0.81 %).\n"
      "Totals stay after the queue is drained, until wqctl purge.\n",
      "Examples:\n"
      "  wqctl totals logs --top 10\n"
      "  wqctl totals logs --csv > bytes.csv\n"
      "  wqctl totals logs --json | jq -r 'select(.sum > 1000) | .key'\n")};
  bool as_csv = false;
  std::uint64_t top = 0;
  options.add_number("top", top,
                     "only the N keys with the greatest numbers, these first (0: all, by key)");
  add_json_switch(options, target, "a table");
  options.add_switch("csv", as_csv,
                     "CSV with a heading (RFC 4180): the keys, or if there are none, the number of "
                     "different keys");
  options.not_with({"json"});
  if (!read_target(process, options, argc, argv, target)) return cli::ExitCode::done;
  only_look(target);

  Totals totals = Queue{target.queue, target.redis}.totals();
  const std::vector<Column> columns = columns_of(totals.keys);
  if (top > 0 && !columns.empty()) keep_top(totals.keys, top, columns.front());
  if (as_csv) {
    cli::write_out(csv(totals.keys, columns));
  } else if (target.json) {
    cli::write_out(json(totals.keys, columns));
  } else if (totals.keys.empty() && totals.distinct == 0) {
    cli::write_out(fmt::format("{}: no totals; workers add them with --reduce\n",
                               cli::one_line(target.queue)));
  } else {
    cli::write_out(table(totals.keys, columns));
  }
  if (totals.distinct > 0) cli::write_out(distinct_text(totals, target.json, as_csv));
  return cli::ExitCode::done;
}

}  // namespace wq::ctl
