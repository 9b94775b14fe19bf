#include "doctor/diagnosis.h"

#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/info.h"
#include "base/whole_number.h"

namespace wq::internal {
namespace {

constexpr const char* kUnseen = "A problem here would go unnoticed.";

}  // namespace

std::string Diagnosis::info(const std::string& field) const {
  return info_field(facts.info, field);
}

std::optional<std::uint64_t> Diagnosis::number(const std::string& field) const {
  return whole_number<std::uint64_t>(info(field));
}

std::string Diagnosis::setting(const std::string& name) const {
  return info_field(facts.config, name);
}

void Diagnosis::find(FindingLevel level, const char* check, std::string what, std::string why,
                     std::string advice) {
  findings.push_back({level, check, std::move(what), std::move(why), std::move(advice)});
}

void Diagnosis::blind(const char* check, const char* right) {
  // A server that answers INFO without the field differs from Redis: no right would help.
  const bool answered = std::string_view(right) == "info" && !facts.info.empty();
  if (answered) {
    return warn(check, "unknown: INFO has no such field", kUnseen,
                "Ask the operator of the server.");
  }
  warn(check, fmt::format("unknown: {} is refused", right), kUnseen,
       fmt::format("ACL SETUSER {} +{}, or run doctor as another user.", facts.user, right));
}

}  // namespace wq::internal
