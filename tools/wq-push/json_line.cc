#include "wq-push/json_line.h"

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/printable.h"
#include "cli/units.h"

namespace wq::push {

namespace {

using nlohmann::json;

/// A member of an object, and the text of its value as it stands in the line.
struct Member {
  std::string name;
  std::string_view value;
};

/// Walks over JSON that is known to be valid.
class Walk {
 public:
  explicit Walk(std::string_view text) : rest_(text) {}

  /// The members of the object at the beginning.
  std::vector<Member> members() {
    std::vector<Member> members;
    skip_space();
    rest_.remove_prefix(1);  // {
    for (skip_space(); rest_.front() != '}'; skip_space()) {
      if (rest_.front() == ',') {
        rest_.remove_prefix(1);
        skip_space();
      }
      std::string name = json::parse(value()).get<std::string>();
      skip_space();
      rest_.remove_prefix(1);  // :
      skip_space();
      members.push_back({std::move(name), value()});
    }
    return members;
  }

 private:
  void skip_space() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size()));
  }

  // The value at the beginning, which is then behind us.
  std::string_view value() {
    const std::string_view begin = rest_;
    int depth = 0;
    do {
      const char c = rest_.front();
      if (c == '"') {
        skip_text();
      } else if (c == '{' || c == '[') {
        ++depth;
        rest_.remove_prefix(1);
      } else if (c == '}' || c == ']') {
        --depth;
        rest_.remove_prefix(1);
      } else if (depth > 0) {
        rest_.remove_prefix(1);
      } else {
        rest_.remove_prefix(std::min(rest_.find_first_of(" \t\r\n,}]"), rest_.size()));
      }
    } while (depth > 0);
    return begin.substr(0, begin.size() - rest_.size());
  }

  void skip_text() {
    std::size_t end = 1;
    while (rest_[end] != '"') end += rest_[end] == '\\' ? 2 : 1;
    rest_.remove_prefix(end + 1);
  }

  std::string_view rest_;
};

[[noreturn]] void refuse(const std::string& what) {
  throw std::invalid_argument(
      what +
      "; a line of --jsonl is {\"item\": ..., \"delay\": \"10s\", \"once\": \"key\"}, of "
      "which only the item is needed");
}

std::vector<Member> members_of(std::string_view line) {
  json whole;
  try {
    whole = json::parse(line);
  } catch (const json::parse_error& error) {
    refuse(fmt::format("it is not JSON (at byte {})", error.byte));
  } catch (const json::out_of_range&) {
    refuse("it has a number that is too large");
  }
  if (!whole.is_object()) refuse("it is JSON, but not an object");
  return Walk(line).members();
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
  JsonItem result;
  std::vector<std::string> seen;
  for (const Member& member : members_of(line)) {
    if (std::find(seen.begin(), seen.end(), member.name) != seen.end()) {
      refuse(fmt::format("it has the field {} twice", internal::printable(member.name)));
    }
    seen.push_back(member.name);
    const bool is_text = member.value.starts_with('"');
    if (member.name == "item") {
      result.item = is_text ? json::parse(member.value).get<std::string>() : member.value;
    } else if (member.name == "delay") {
      result.terms.delay = delay_of(member.value);
    } else if (member.name == "once") {
      if (!is_text || member.value == "\"\"") refuse("once is not a text, or an empty one");
      result.terms.once_key = json::parse(member.value).get<std::string>();
    } else {
      refuse(fmt::format("there is no field {}", internal::printable(member.name)));
    }
  }
  if (std::find(seen.begin(), seen.end(), "item") == seen.end()) refuse("it has no item");
  return result;
}

}  // namespace wq::push
