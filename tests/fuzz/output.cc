// What is shown of an item: every byte can be had back from JSON, and a line stays one line.

#include <string>

#include <nlohmann/json.hpp>

#include "base/printable.h"
#include "fuzz/fuzz.h"
#include "wqctl/view/json.h"
#include "wqctl/view/listing.h"
#include "wqctl/view/snapshot.h"

namespace wq::fuzz {
namespace {

std::string from_base64(std::string_view text) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  std::uint32_t bits = 0;
  int have = 0;
  for (const char c : text.substr(0, text.find('='))) {
    bits = bits << 6U | static_cast<std::uint32_t>(kDigits.find(c));
    have += 6;
    if (have < 8) continue;
    have -= 8;
    bytes += static_cast<char>(bits >> static_cast<unsigned>(have) & 0xffU);
  }
  return bytes;
}

std::string value_of(const nlohmann::json& json, const std::string& name) {
  const bool plain = json.contains(name);
  require(plain != json.contains(name + "_base64"), "a value is there once");
  return plain ? json[name].get<std::string>()
               : from_base64(json[name + "_base64"].get<std::string>());
}

// Nothing of it would be shown in another way, or turn what stands beside it.
bool is_seen(const std::string& text) { return internal::escaped(text) == text; }

// What is said to be JSON may be none. It stands in the line as what it is, and breaks nothing.
void look_as_json(const std::string& result) {
  const std::string line = ctl::result_json({"1-2", "", result, true});
  require(line.find('\n') == std::string::npos && is_seen(line),
          "JSON is one line, all of it seen");
  const auto json = nlohmann::json::parse(line);
  require(json.size() == 3, "nothing stands beside a result");
  const auto meant = nlohmann::json::parse(result, nullptr, false);
  if (!meant.is_discarded() && json.contains("result") && json["result"] == meant) return;
  require(value_of(json, "result") == result, "no byte is lost of what is no JSON");
}

void look(const std::string& item, const std::string& result) {
  const std::string line = ctl::result_json({"1-2", item, result});
  require(line.find('\n') == std::string::npos, "a result is one line");
  const auto json = nlohmann::json::parse(line);
  require(value_of(json, "item") == item && value_of(json, "result") == result,
          "no byte of a result is lost");

  require(is_one_line(internal::printable(item)), "an item in a log is in one line");
  require(is_seen(internal::printable(item)), "all of an item in a log can be seen");
  require(is_seen(ctl::item_text(item)), "all of an item in a list can be seen");
  require(internal::escaped_json(line) == line, "all of a result can be seen");
  look_as_json(result);
  ctl::Snapshot now;
  now.queue = item;
  now.counts.id = result;
  const auto status = nlohmann::json::parse(ctl::json_line(ctl::status_json(now)));
  require(status.at("queue").is_string() && status.at("id").is_string(), "a status is JSON");
  require(is_one_line(ctl::status_line(now)), "a status is one line");
  require(is_seen(ctl::status_line(now)), "all of a status can be seen");
  for (const std::string& drawn : ctl::watch_frame(now, {}, 1 + result.size() % 120, false)) {
    require(is_one_line(drawn) && is_seen(drawn), "what is drawn stays in its line");
  }
}

}  // namespace
}  // namespace wq::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  wq::fuzz::Bytes bytes(data, size);
  const std::string item = bytes.word();
  wq::fuzz::look(item, std::string(bytes.rest()));
  wq::fuzz::look(std::string(bytes.rest()), item);
  return 0;
}
