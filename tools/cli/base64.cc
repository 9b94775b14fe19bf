#include "cli/base64.h"

#include <algorithm>
#include <limits>

#include <openssl/evp.h>

namespace wq::cli {
namespace {

// OpenSSL counts in int. A multiple of 3 needs no padding.
constexpr std::size_t kMostAtOnce = std::size_t{3} << 28U;

// NOLINTBEGIN(cppcoreguidelines-pro-type-reinterpret-cast): OpenSSL's bytes are unsigned
unsigned char* to_openssl(char* bytes) { return reinterpret_cast<unsigned char*>(bytes); }
const unsigned char* to_openssl(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}
// NOLINTEND(cppcoreguidelines-pro-type-reinterpret-cast)

}  // namespace

std::string base64(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4, '\0');
  for (char* end = text.data(); !bytes.empty();) {
    const std::string_view some = bytes.substr(0, kMostAtOnce);
    end += EVP_EncodeBlock(to_openssl(end), to_openssl(some), static_cast<int>(some.size()));
    bytes.remove_prefix(some.size());
  }
  return text;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() > std::numeric_limits<int>::max()) return std::nullopt;
  std::string bytes(text.size() / 4 * 3, '\0');
  const int length =
      EVP_DecodeBlock(to_openssl(bytes.data()), to_openssl(text), static_cast<int>(text.size()));
  const auto padding = static_cast<std::size_t>(std::count(text.begin(), text.end(), '='));
  if (length < 0 || padding > bytes.size()) return std::nullopt;
  bytes.resize(bytes.size() - padding);
  // OpenSSL passes over white space, padding in excess and bits of the last digit that are unused.
  if (base64(bytes) != text) return std::nullopt;
  return bytes;
}

}  // namespace wq::cli
