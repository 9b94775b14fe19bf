// Lines of wq-push --jsonl: what is read is what the JSON says, and a refusal is one line.

#include "cli/json_item.h"

#include <string>

#include <nlohmann/json.hpp>

#include "fuzz/fuzz.h"

namespace wq::fuzz {
namespace {

using nlohmann::json;

void look(const std::string& line) {
  const auto message = refusal([&] {
    const cli::JsonItem read = cli::read_json_item(line, true);
    const json whole = json::parse(line);
    const json& item = whole.at("item");
    if (item.is_string()) {
      require(read.item == item.get<std::string>(), "a text is the item");
    } else {
      require(json::parse(read.item, nullptr, false) == item, "other JSON is the item");
      require(line.find(read.item) != std::string::npos, "byte for byte");
    }
    require(read.delay.has_value() == whole.contains("delay"), "a delay is read");
    require(read.once_key.has_value() == whole.contains("once"), "a key is read");
    require(read.queue.empty() != whole.contains("queue"), "a queue is read");
    if (read.once_key) {
      require(*read.once_key == whole["once"].get<std::string>(), "the key is the text");
    }
  });
  require(!message || is_one_line(*message), "a refusal is one line");
}

}  // namespace
}  // namespace wq::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  wq::fuzz::look(std::string(reinterpret_cast<const char*>(data), size));
  return 0;
}
