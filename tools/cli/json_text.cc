#include "cli/json_text.h"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace wq::cli {

JsonText::JsonText(std::string_view json) : rest_(json) {
  // The parser passes over a byte-order mark, too.
  if (rest_.starts_with("\xef\xbb\xbf")) rest_.remove_prefix(3);
}

bool JsonText::take(char c) {
  skip_space();
  if (!rest_.starts_with(c)) return false;
  rest_.remove_prefix(1);
  return true;
}

std::string_view JsonText::take_token() {
  skip_space();
  const std::string_view token = rest_.substr(0, token_size());
  rest_.remove_prefix(token.size());
  return token;
}

std::string_view JsonText::take_value() {
  skip_space();
  const std::string_view begin = rest_;
  std::size_t depth = 0;
  do {
    const std::string_view token = take_token();
    if (token == "{" || token == "[") ++depth;
    if (token == "}" || token == "]") --depth;
  } while (depth > 0 && !rest_.empty());
  return begin.substr(0, begin.size() - rest_.size());
}

bool JsonText::take_member(std::string& name, std::string_view& value) {
  take(',');
  if (take('}')) return false;
  name = nlohmann::json::parse(take_value()).get<std::string>();
  take(':');
  value = take_value();
  return true;
}

void JsonText::skip_space() {
  rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size()));
}

std::size_t JsonText::token_size() const {
  std::size_t end = 1;
  if (!rest_.starts_with('"')) {
    // A number or a word ends at one of these, which are tokens of their own.
    end = std::max(end, rest_.find_first_of("{}[],: \t\r\n"));
  } else {
    while (end < rest_.size() && rest_[end] != '"') end += rest_[end] == '\\' ? 2 : 1;
    ++end;
  }
  return std::min(end, rest_.size());
}

std::string compact_json(std::string_view value) {
  std::string compact;
  JsonText text(value);
  for (std::string_view token = text.take_token(); !token.empty(); token = text.take_token()) {
    compact += token;
  }
  return compact;
}

}  // namespace wq::cli
