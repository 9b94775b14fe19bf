#include "cli/json_item.h"

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/printable.h"
#include "cli/json_text.h"
#include "cli/units.h"

namespace wq::cli {

namespace {

using nlohmann::json;

[[noreturn]] void refuse_line(const std::string& what) { throw std::invalid_argument(what); }

void check(std::string_view line) {
  json whole;
  try {
    whole = json::parse(line);
  } catch (const json::parse_error& error) {
    refuse_line(fmt::format("it is not JSON (at byte {})", error.byte));
  } catch (const json::out_of_range&) {
    refuse_line("it has a number that is too large");
  }
  if (!whole.is_object()) refuse_line("it is JSON, but not an object");
}

std::chrono::milliseconds delay_of(std::string_view value) {
  const json delay = json::parse(value);
  std::chrono::milliseconds time{-1};
  if (delay.is_string()) {
    try {
      time = parse_duration(delay.get<std::string>());
    } catch (const std::invalid_argument& error) {
      refuse_line(fmt::format("the delay {}", error.what()));
    }
  } else if (delay.is_number_unsigned() && delay.get<std::uint64_t>() <= kLongestDelay.count()) {
    time = std::chrono::milliseconds{delay.get<std::int64_t>()};
  }
  if (time < std::chrono::milliseconds{0} || time > kLongestDelay) {
    refuse_line(
        fmt::format("the delay {} is neither a text such as \"10s\" nor a whole number of ms, "
                    "at most {}",
                    internal::printable(value), duration_text(kLongestDelay)));
  }
  return time;
}

JsonItem read(std::string_view line, bool has_queue) {
  check(line);
  JsonItem result;
  std::vector<std::string> seen;
  JsonText text(line);
  text.take('{');
  std::string name;
  std::string_view value;
  while (text.take_member(name, value)) {
    if (std::find(seen.begin(), seen.end(), name) != seen.end()) {
      refuse_line(fmt::format("it has the field {} twice", internal::printable(name)));
    }
    seen.push_back(name);
    const bool is_text = value.starts_with('"');
    if (name == "item") {
      result.item = is_text ? json::parse(value).get<std::string>() : value;
    } else if (name == "delay") {
      result.delay = delay_of(value);
    } else if (name == "once") {
      if (!is_text || value == "\"\"") refuse_line("once is not a text, or an empty one");
      result.once_key = json::parse(value).get<std::string>();
    } else if (name == "queue" && has_queue) {
      if (!is_text || value == "\"\"") refuse_line("queue is not a text, or an empty one");
      result.queue = json::parse(value).get<std::string>();
    } else {
      refuse_line(fmt::format("there is no field {}", internal::printable(name)));
    }
  }
  if (std::find(seen.begin(), seen.end(), "item") == seen.end()) refuse_line("it has no item");
  return result;
}

}  // namespace

JsonItem read_json_item(std::string_view line, bool has_queue) {
  try {
    return read(line, has_queue);
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(
        fmt::format(R"({}; a line is {{"item": ..., {}"delay": "10s", "once": "key"}}, of which )"
                    "only the item is needed",
                    error.what(), has_queue ? R"("queue": "name", )" : ""));
  }
}

}  // namespace wq::cli
