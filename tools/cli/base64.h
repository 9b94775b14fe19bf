#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace wq::cli {

/// RFC 4648 with padding.
[[nodiscard]] std::string base64(std::string_view bytes);

/// The bytes again; nothing if the text is not what `base64` makes of any.
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

}  // namespace wq::cli
