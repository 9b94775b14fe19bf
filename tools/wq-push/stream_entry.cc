#include "wq-push/stream_entry.h"

#include <stdexcept>

#include <nlohmann/json.hpp>

namespace wq::push {

namespace {

std::string as_json(const StreamEntry& entry) {
  nlohmann::ordered_json object = nlohmann::ordered_json::object();
  for (const auto& [field, value] : entry.fields) {
    if (object.contains(field)) {
      throw std::invalid_argument("it has a field twice, which a JSON object cannot hold");
    }
    object[field] = value;
  }
  try {
    return object.dump();
  } catch (const nlohmann::ordered_json::type_error&) {
    throw std::invalid_argument("it has bytes that are not UTF-8, which JSON cannot hold");
  }
}

}  // namespace

std::size_t StreamEntry::bytes() const {
  std::size_t bytes = 0;
  for (const auto& [field, value] : fields) bytes += field.size() + value.size();
  return bytes;
}

std::vector<StreamEntry> read_entries(internal::Value answer) {
  std::vector<StreamEntry> entries;
  for (std::size_t i = 0; i < answer.size(); ++i) {
    StreamEntry& entry = entries.emplace_back();
    entry.id = answer[i][0].text();
    const internal::Value words = answer[i][1];
    for (std::size_t k = 0; k + 1 < words.size(); k += 2) {
      entry.fields.emplace_back(words[k].text(), words[k + 1].text());
    }
  }
  return entries;
}

std::optional<std::string> item_of(const StreamEntry& entry, std::string_view field) {
  if (field.empty()) return entry.fields.size() == 1 ? entry.fields[0].second : as_json(entry);
  for (const auto& [name, value] : entry.fields) {
    if (name == field) return value;
  }
  return std::nullopt;
}

}  // namespace wq::push
