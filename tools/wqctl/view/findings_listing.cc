#include <algorithm>
#include <cstdint>

#include <fmt/format.h>

#include "base/name_in.h"
#include "cli/output.h"
#include "cli/units.h"
#include "wqctl/view/json.h"
#include "wqctl/view/listing.h"

namespace wq::ctl {

namespace {

std::string_view name_of_level(FindingLevel level) {
  return internal::name_in<FindingLevel, 3>({"ok", "warning", "error"}, level);
}

std::string counted(std::span<const Finding> findings, FindingLevel level) {
  const auto n = std::count_if(findings.begin(), findings.end(),
                               [level](const Finding& each) { return each.level == level; });
  return cli::plural(static_cast<std::uint64_t>(n), name_of_level(level));
}

}  // namespace

std::string findings_text(std::span<const Finding> findings) {
  std::string text;
  for (const Finding& each : findings) {
    // Versions, names of users and keys come from elsewhere.
    text += fmt::format("{:<8}{:<13}{}\n", name_of_level(each.level), each.check,
                        cli::one_line(each.what));
    for (const std::string& more : {each.why, each.advice}) {
      if (!more.empty()) text += fmt::format("{:21}{}\n", "", cli::one_line(more));
    }
  }
  const FindingLevel level = worst(findings);
  const char* const end = level == FindingLevel::error     ? "do not start"
                          : level == FindingLevel::warning ? "may start"
                                                           : "all is well";
  return text + fmt::format("{}: {}, {}\n", end, counted(findings, FindingLevel::error),
                            counted(findings, FindingLevel::warning));
}

std::string findings_json(std::string_view queue, std::span<const Finding> findings) {
  Json json;
  put_bytes(json, "queue", queue);
  json["level"] = name_of_level(worst(findings));
  json["findings"] = Json::array();
  for (const Finding& each : findings) {
    json["findings"].push_back({{"level", name_of_level(each.level)},
                                {"check", each.check},
                                {"what", each.what},
                                {"why", each.why},
                                {"advice", each.advice}});
  }
  return json_line(json);
}

}  // namespace wq::ctl
