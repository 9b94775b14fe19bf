#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <wq/doctor.h>

namespace wq::internal {

/// The facts, with convenient access, and the findings so far.
struct Diagnosis {
  const ServerFacts& facts;
  const DoctorOptions& options;
  std::vector<Finding> findings{};

  /// Empty if it is not known.
  [[nodiscard]] std::string info(const std::string& field) const;
  [[nodiscard]] std::optional<std::uint64_t> number(const std::string& field) const;
  [[nodiscard]] std::string setting(const std::string& name) const;

  void find(FindingLevel level, const char* check, std::string what, std::string why,
            std::string advice);
  void pass(const char* check, std::string what) {
    find(FindingLevel::ok, check, std::move(what), "", "");
  }
  void warn(const char* check, std::string what, std::string why, std::string advice) {
    find(FindingLevel::warning, check, std::move(what), std::move(why), std::move(advice));
  }
  void fail(const char* check, std::string what, std::string why, std::string advice) {
    find(FindingLevel::error, check, std::move(what), std::move(why), std::move(advice));
  }
  /// The user may not see it.
  void blind(const char* check, const char* right);
};

}  // namespace wq::internal
