#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "redis/reply.h"

namespace wq::push {

/// An entry of a Redis stream.
struct StreamEntry {
  std::string id;
  std::vector<std::pair<std::string, std::string>> fields;

  [[nodiscard]] std::size_t bytes() const;
};

/// The entries in an answer to XRANGE, or in one part of an answer to XREADGROUP. An entry that was
/// removed after it was handed to the group has no fields.
[[nodiscard]] std::vector<StreamEntry> read_entries(internal::Value answer);

/// The item of an entry: the value of `field`; without `field` the value of its only field, or of
/// more the entry as one JSON object of texts, in its own order. Nothing: it has no such field.
/// Throws `std::invalid_argument` for an entry that no JSON can hold: a field twice, or bytes that
/// are no UTF-8.
[[nodiscard]] std::optional<std::string> item_of(const StreamEntry& entry, std::string_view field);

}  // namespace wq::push
