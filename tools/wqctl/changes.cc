#include "wqctl/changes.h"

#include <algorithm>

#include <fmt/format.h>

#include "cli/log.h"
#include "cli/output.h"
#include "wqctl/json.h"
#include "wqctl/listing.h"

namespace wq::ctl {

namespace {

constexpr std::size_t kAtOnce = 100;
// Where an item is that was not found is worth a look at the next so many.
constexpr std::size_t kMaxScan = 100'000;

std::string where_is(Admin& admin, const std::string& item) {
  const Inspection inspection = admin.inspect(item, kMaxScan);
  if (!inspection.found.empty()) {
    return fmt::format("it is {}", state_name(inspection.found.front().state));
  }
  return inspection.complete ? "it is not in the queue" : "it was not found";
}

std::string answer_json(const std::string& item, const std::string& result) {
  Json json;
  put_bytes(json, "item", item);
  json["result"] = result;
  return json_line(json) + "\n";
}

}  // namespace

void Selection::declare(cli::Options& options) {
  items_.declare(options);
  options.add_text("match", "PATTERN", match_,
                   "those that match: * any bytes, ? one, [a-z] one of these");
  options.add_switch("all", all_, "all of them");
}

void Selection::check(const Target& target) const {
  const int ways = (named(target) ? 1 : 0) + (match_.empty() ? 0 : 1) + (all_ ? 1 : 0);
  if (ways == 0) {
    throw cli::UsageError("which items? Name them, or give --match PATTERN or --all");
  }
  if (ways > 1) throw cli::UsageError("items, --match and --all exclude each other");
}

cli::ExitCode change_named(
    Admin& admin, std::span<const std::string> items, bool json, const std::string& past,
    const std::string& place,
    const std::function<std::vector<Changed>(std::span<const std::string>)>& change) {
  std::uint64_t done = 0;
  for (std::size_t begin = 0; begin < items.size(); begin += kAtOnce) {
    const auto some = items.subspan(begin, std::min(kAtOnce, items.size() - begin));
    const std::vector<Changed> answers = change(some);
    for (std::size_t i = 0; i < some.size(); ++i) {
      if (answers[i] == Changed::done) {
        ++done;
        if (json) cli::write_out(answer_json(some[i], past));
        continue;
      }
      const std::string where =
          answers[i] == Changed::leased ? "it is leased" : where_is(admin, some[i]);
      if (json) {
        cli::write_out(answer_json(some[i], "left alone: " + where));
      } else {
        cli::log(LogLevel::error,
                 fmt::format("'{}' is not {}: {}; left alone", item_text(some[i]), place, where));
      }
    }
  }
  if (!json) write_changed(done, json, past);
  return done == items.size() ? cli::ExitCode::done : cli::ExitCode::failure;
}

void write_changed(std::uint64_t n, bool json, const std::string& past) {
  cli::write_out(json ? json_line({{past, n}}) + "\n"
                      : fmt::format("{} {} item{}\n", past, n, n == 1 ? "" : "s"));
}

}  // namespace wq::ctl
