#pragma once

#include <optional>
#include <string>
#include <vector>

#include "wq-push/brace_range.h"
#include "wq-push/folder_pattern.h"
#include "wq-push/item_source.h"

namespace wq::push {

/// Items from the command line: each argument is an item, or expands to many by ranges and then
/// folder patterns, see `BraceRange` and `FolderPattern`. Logs a warning for doubtful arguments.
class ArgumentSource : public ItemSource {
 public:
  /// `literal`: every argument is an item as it is. Throws `std::invalid_argument` for a range
  /// that cannot be and for a pattern whose folder cannot be read.
  ArgumentSource(const std::vector<std::string>& arguments, bool literal);

  bool next(std::string& item) override;
  std::string position() const override;
  std::optional<double> fraction() const override;

 private:
  /// One argument, or one of the parts that a `::` joins.
  struct Part {
    std::string text;
    std::size_t argument = 0;  // from 1
  };

  void take_apart(const std::string& argument, std::size_t number);

  std::vector<Part> parts_;
  const bool literal_;
  std::size_t begun_ = 0;  // parts begun so far
  std::optional<BraceRange> range_;
  std::optional<FolderPattern> pattern_;
  double yielded_ = 0;  // texts of range_ so far
};

}  // namespace wq::push
