#include "wq-push/json_lines.h"

#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "cli/json_item.h"
#include "cli/options.h"

namespace wq::push {

bool JsonLines::next(std::string& item) {
  if (!lines_->next(line_)) return false;
  try {
    cli::JsonItem read = cli::read_json_item(line_);
    item = std::move(read.item);
    terms_ = {.delay = read.delay, .once_key = std::move(read.once_key)};
  } catch (const std::invalid_argument& error) {
    throw cli::UsageError(fmt::format("{}: {}", position(), error.what()));
  }
  return true;
}

}  // namespace wq::push
