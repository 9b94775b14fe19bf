#include "wq-push/json_lines.h"

#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "cli/options.h"
#include "wq-push/json_line.h"

namespace wq::push {

bool JsonLines::next(std::string& item) {
  if (!lines_->next(line_)) return false;
  try {
    JsonItem read = read_json_item(line_);
    item = std::move(read.item);
    terms_ = std::move(read.terms);
  } catch (const std::invalid_argument& error) {
    throw cli::UsageError(fmt::format("{}: {}", position(), error.what()));
  }
  return true;
}

}  // namespace wq::push
