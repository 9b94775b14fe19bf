#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <wq/lease.h>

namespace wq::test::random {

/// The SHA-224 of an item in hexadecimal digits, and as bytes.
[[nodiscard]] inline std::string hash_of(std::string_view item) {
  return std::string(text(hash_item(item)));
}

[[nodiscard]] inline std::string raw_hash(std::string_view item) {
  const std::string hash = hash_of(item);
  std::string bytes;
  for (std::size_t i = 0; i < hash.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(hash.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

}  // namespace wq::test::random
