#pragma once

#include <optional>
#include <string>
#include <vector>

#include "wq-push/brace_range.h"
#include "wq-push/folder_pattern.h"
#include "wq-push/item_source.h"

namespace wq::push {

/// Items from the command line: each argument is an item, or stands for many through ranges and
/// then folder patterns, see `BraceRange` and `FolderPattern`.
class ArgumentSource : public ItemSource {
 public:
  /// `literal`: every argument is an item as it is. Throws `std::invalid_argument` for a range
  /// that cannot be and for a pattern whose folder cannot be read.
  ArgumentSource(std::vector<std::string> arguments, bool literal);

  bool next(std::string& item) override;
  std::string position() const override;
  std::optional<double> fraction() const override;

 private:
  const std::vector<std::string> arguments_;
  const bool literal_;
  std::size_t begun_ = 0;  // arguments begun so far
  std::optional<BraceRange> range_;
  std::optional<FolderPattern> pattern_;
  double yielded_ = 0;  // texts of range_ so far
};

}  // namespace wq::push
