#include "wq-push/argument_source.h"

#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/log.h"

namespace wq::push {

ArgumentSource::ArgumentSource(const std::vector<std::string>& arguments, bool literal)
    : literal_(literal) {
  std::size_t number = 0;
  for (const std::string& argument : arguments) {
    ++number;
    if (literal_) {
      parts_.push_back({argument, number});
    } else {
      take_apart(argument, number);
    }
  }
}

// An error in the last argument must appear before the first item is pushed.
void ArgumentSource::take_apart(const std::string& argument, std::size_t number) {
  if (const std::string doubt = doubt_about_ranges(argument); !doubt.empty()) {
    cli::log(LogLevel::warning, fmt::format("argument {}: {}", number, doubt));
  }
  std::vector<std::string> texts = parts_of_union(argument);
  if (texts.size() > 1) {
    cli::log(LogLevel::info,
             fmt::format("argument {}: '::' joins {} ranges, which follow one another: {}", number,
                         texts.size(), fmt::join(texts, " ")));
  }
  for (std::string& text : texts) {
    const BraceRange range{text};
    if (!range.is_range() && is_folder_pattern(text)) FolderPattern{text};
    parts_.push_back({std::move(text), number});
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
    if (begun_ == parts_.size()) return false;
    const std::string& text = parts_[begun_++].text;
    if (literal_) {
      item = text;
      return true;
    }
    range_.emplace(text);
    yielded_ = 0;
  }
}

std::string ArgumentSource::position() const {
  return fmt::format("argument {}", begun_ == 0 ? 0 : parts_[begun_ - 1].argument);
}

std::optional<double> ArgumentSource::fraction() const {
  if (pattern_ || parts_.empty() || begun_ == 0) return std::nullopt;
  const double current = range_ ? yielded_ / range_->count() : 1;
  return (static_cast<double>(begun_ - 1) + current) / static_cast<double>(parts_.size());
}

}  // namespace wq::push
