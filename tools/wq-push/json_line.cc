#include "wq-push/json_line.h"

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/printable.h"
#include "cli/json_text.h"
#include "cli/options.h"
#include "cli/units.h"

namespace wq::push {

namespace {

using nlohmann::json;

[[noreturn]] void refuse(const std::string& what) {
  throw std::invalid_argument(
      what +
      "; a line of --jsonl is {\"item\": ..., \"delay\": \"10s\", \"once\": \"key\"}, of "
      "which only the item is needed");
}

void check(std::string_view line) {
  json whole;
  try {
    whole = json::parse(line);
  } catch (const json::parse_error& error) {
    refuse(fmt::format("it is not JSON (at byte {})", error.byte));
  } catch (const json::out_of_range&) {
    refuse("it has a number that is too large");
  }
  if (!whole.is_object()) refuse("it is JSON, but not an object");
}

std::chrono::milliseconds delay_of(std::string_view value) {
  const json delay = json::parse(value);
  std::chrono::milliseconds time{-1};
  if (delay.is_string()) {
    try {
      time = cli::parse_duration(delay.get<std::string>());
    } catch (const std::invalid_argument& error) {
      refuse(fmt::format("the delay {}", error.what()));
    }
  } else if (delay.is_number_unsigned() && delay.get<std::uint64_t>() <= kLongestDelay.count()) {
    time = std::chrono::milliseconds{delay.get<std::int64_t>()};
  }
  if (time < std::chrono::milliseconds{0} || time > kLongestDelay) {
    refuse(
        fmt::format("the delay {} is neither a text such as \"10s\" nor a whole number of ms, "
                    "at most {}",
                    internal::printable(value), cli::duration_text(kLongestDelay)));
  }
  return time;
}

}  // namespace

JsonItem read_json_item(std::string_view line) {
  check(line);
  JsonItem result;
  std::vector<std::string> seen;
  cli::JsonText text(line);
  text.take('{');
  std::string name;
  std::string_view value;
  while (text.take_member(name, value)) {
    if (std::find(seen.begin(), seen.end(), name) != seen.end()) {
      refuse(fmt::format("it has the field {} twice", internal::printable(name)));
    }
    seen.push_back(name);
    const bool is_text = value.starts_with('"');
    if (name == "item") {
      result.item = is_text ? json::parse(value).get<std::string>() : value;
    } else if (name == "delay") {
      result.terms.delay = delay_of(value);
    } else if (name == "once") {
      if (!is_text || value == "\"\"") refuse("once is not a text, or an empty one");
      result.terms.once_key = json::parse(value).get<std::string>();
    } else {
      refuse(fmt::format("there is no field {}", internal::printable(name)));
    }
  }
  if (std::find(seen.begin(), seen.end(), "item") == seen.end()) refuse("it has no item");
  return result;
}

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
