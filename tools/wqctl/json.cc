#include "wqctl/json.h"

#include <cstdint>

#include "cli/utf8.h"

namespace wq::ctl {

void put_bytes(Json& json, const std::string& name, std::string_view bytes) {
  const Json text(bytes);
  try {
    static_cast<void>(text.dump());
    json[name] = text;
  } catch (const Json::type_error&) {
    json[name + "_base64"] = base64(bytes);
  }
}

std::string json_line(const Json& json) {
  return cli::escape_controls(json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::string_view three = bytes.substr(i, 3);
    std::uint32_t bits = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      bits = bits << 8U | (k < three.size() ? static_cast<unsigned char>(three[k]) : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      text += k <= three.size() ? kDigits[bits >> (18 - 6 * k) & 63U] : '=';
    }
  }
  return text;
}

}  // namespace wq::ctl
