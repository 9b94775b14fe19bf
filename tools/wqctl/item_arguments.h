#pragma once

#include <string>
#include <vector>

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

}  // namespace wq::ctl
