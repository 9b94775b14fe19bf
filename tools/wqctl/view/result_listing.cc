#include <string_view>

#include "cli/output.h"
#include "wqctl/view/json.h"
#include "wqctl/view/listing.h"

namespace wq::ctl {

namespace {

/// `"name":"text"`, or false, with `json` as it was, for a text that takes more than a look at each
/// byte. There are millions of results, and this is several times as fast as a `Json` of each.
bool append_plain(std::string& json, std::string_view name, std::string_view text) {
  const std::size_t before = json.size();
  json.append(1, '"').append(name).append("\":\"");
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      json.append(1, '\\').append(1, c);
    } else if (c == '\n') {
      json.append("\\n");
    } else if (c >= ' ' && c <= '~') {
      json.append(1, c);
    } else {
      json.resize(before);
      return false;
    }
  }
  json.append(1, '"');
  return true;
}

/// `"name":value`, or false, with `json` as it was, for what is no JSON value. The value is not
/// written anew: that would round numbers.
bool append_value(std::string& json, std::string_view name, std::string_view value) {
  // The parser passes over a byte-order mark and takes a zero byte for the end.
  if (value.starts_with('\xef') || value.find('\0') != std::string_view::npos) return false;
  if (!Json::accept(value)) return false;
  std::string line;
  line.reserve(value.size());
  for (const char c : value) {  // white space: within strings these are escaped
    if (c != '\n' && c != '\r' && c != '\t') line += c;
  }
  json.append(1, '"').append(name).append("\":").append(cli::json_text(line));
  return true;
}

void append_bytes(std::string& json, const std::string& name, std::string_view bytes) {
  if (append_plain(json, name, bytes)) return;
  Json slowly;
  put_bytes(slowly, name, bytes);
  const std::string object = json_line(slowly);
  json.append(object, 1, object.size() - 2);  // without the braces
}

}  // namespace

std::string result_json(const Result& result) {
  std::string json = "{";
  append_bytes(json, "id", result.id);
  json += ',';
  append_bytes(json, "item", result.item);
  json += ',';
  if (!result.is_json || !append_value(json, "result", result.result)) {
    append_bytes(json, "result", result.result);
  }
  json += '}';
  return json;
}

}  // namespace wq::ctl
