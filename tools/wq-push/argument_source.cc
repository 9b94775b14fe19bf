#include "wq-push/argument_source.h"

#include <utility>

#include <fmt/format.h>

namespace wq::push {

ArgumentSource::ArgumentSource(std::vector<std::string> arguments, bool literal)
    : arguments_(std::move(arguments)), literal_(literal) {
  if (literal_) return;
  // What is wrong with the last argument should be said before the first one is pushed.
  for (const std::string& argument : arguments_) {
    const BraceRange range{argument};
    if (range.count() == 1 && is_folder_pattern(argument)) FolderPattern{argument};
  }
}

bool ArgumentSource::next(std::string& item) {
  while (true) {
    if (pattern_) {
      if (pattern_->next(item)) return true;
      pattern_.reset();
    }
    if (range_ && range_->next(item)) {
      yielded_ += 1;
      if (!is_folder_pattern(item)) return true;
      pattern_.emplace(item);
      continue;
    }
    if (begun_ == arguments_.size()) return false;
    const std::string& argument = arguments_[begun_++];
    if (literal_) {
      item = argument;
      return true;
    }
    range_.emplace(argument);
    yielded_ = 0;
  }
}

std::string ArgumentSource::position() const { return fmt::format("argument {}", begun_); }

std::optional<double> ArgumentSource::fraction() const {
  if (pattern_ || arguments_.empty() || begun_ == 0) return std::nullopt;
  const double current = range_ ? yielded_ / range_->count() : 1;
  return (static_cast<double>(begun_ - 1) + current) / static_cast<double>(arguments_.size());
}

}  // namespace wq::push
