#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include <wq/admin.h>

#include "cli/options.h"
#include "wqctl/command.h"

namespace wq::ctl {

/// The items that a command is about: behind QUEUE, whole files, or standard input.
class ItemArguments {
 public:
  void declare(cli::Options& options);

  /// In this order: those on the command line, files, standard input. Throws `cli::UsageError` for
  /// a file that cannot be read.
  [[nodiscard]] std::vector<std::string> read(const Target& target) const;

  /// True if any was named in one of these ways.
  [[nodiscard]] bool given(const Target& target) const;

 private:
  bool null_ended_ = false;
  std::vector<std::string> files_;
};

/// The arguments of such a command: QUEUE [ITEM...].
[[nodiscard]] std::vector<cli::Argument> item_arguments();

/// Which items `retry` and `drop` are about: some that are named, those that match, or all.
class Selection {
 public:
  void declare(cli::Options& options);
  /// Throws `cli::UsageError` unless exactly one way was used.
  void check(const Target& target) const;

  /// How the items are changed: those that are named, some at a time, or those that match.
  struct Change {
    std::function<std::vector<Changed>(std::span<const std::string>)> named;
    std::function<std::uint64_t(const std::string& pattern)> matching;
  };
  /// Changes them and prints it. Reports each named item in JSON, or for people only the unchanged
  /// ones with their state. `past`: "dropped"; `place`: "dead". Returns how many were changed, and
  /// whether that is all that were named.
  struct Result {
    std::uint64_t changed = 0;
    cli::ExitCode code = cli::ExitCode::done;
  };
  [[nodiscard]] Result apply(Admin& admin, const Target& target, const std::string& past,
                             const std::string& place, const Change& change) const;

 private:
  ItemArguments items_;
  std::string match_;
  bool all_ = false;
};

}  // namespace wq::ctl
