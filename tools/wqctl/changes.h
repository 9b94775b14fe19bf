#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include <wq/admin.h>

#include "wqctl/item_arguments.h"

namespace wq::ctl {

/// Which items `retry` and `drop` are about: some that are named, those that match, or all.
class Selection {
 public:
  void declare(cli::Options& options);
  /// Throws `cli::UsageError` unless exactly one way was used.
  void check(const Target& target) const;

  [[nodiscard]] bool named(const Target& target) const { return items_.given(target); }
  [[nodiscard]] std::vector<std::string> items(const Target& target) const {
    return items_.read(target);
  }
  /// "*" for all.
  [[nodiscard]] std::string pattern() const { return all_ ? "*" : match_; }

 private:
  ItemArguments items_;
  std::string match_;
  bool all_ = false;
};

/// Applies `change` to the items, some at a time. Reports each item in JSON, or for people only the
/// unchanged ones with their state. `past`: "dropped"; `place`: "dead". Returns how many were
/// changed.
std::uint64_t change_named(
    Admin& admin, std::span<const std::string> items, bool json, const std::string& past,
    const std::string& place,
    const std::function<std::vector<Changed>(std::span<const std::string>)>& change);

/// "dropped 3 items", or the same as JSON.
void write_changed(std::uint64_t n, bool json, const std::string& past);

}  // namespace wq::ctl
