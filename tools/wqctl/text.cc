#include "wqctl/text.h"

#include <cstdint>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace wq::ctl {

namespace {

using Json = nlohmann::ordered_json;

std::string plural(std::uint64_t n, std::string_view word) {
  return fmt::format("{} {}{}", n, word, n == 1 ? "" : "s");
}

/// `"name":"text"`, or `"name_base64":"..."` where the text is no UTF-8.
std::string member(const std::string& name, const std::string& text) {
  try {
    return fmt::format(R"("{}":{})", name, Json(text).dump());
  } catch (const Json::type_error&) {
    return fmt::format(R"("{}_base64":"{}")", name, base64(text));
  }
}

}  // namespace

std::string status_line(std::string_view queue, const Counts& counts) {
  if (counts.id.empty() && counts.ready == 0 && counts.processing == 0) {
    const bool filling = counts.producers > 0;
    return fmt::format("{}: not begun, {}", queue,
                       filling ? "a producer is about to fill it" : "nothing was pushed yet");
  }
  std::string line =
      fmt::format("{}: ready {}, processing {}, delayed {}, dead {}, completed {}", queue,
                  counts.ready, counts.processing, counts.delayed, counts.dead, counts.completed);
  if (counts.pushed > 0) line += fmt::format(" of {} pushed", counts.pushed);
  if (counts.producers > 0)
    line += fmt::format(", {} filling it", plural(counts.producers, "producer"));
  if (counts.paused) line += ", paused";
  if (counts.drained()) line += ", drained";
  return line;
}

std::string status_json(std::string_view queue, const Counts& counts) {
  const Json json = {
      {"queue", queue},
      {"id", counts.id},
      {"drained", counts.drained()},
      {"paused", counts.paused},
      {"producers", counts.producers},
      {"ready", counts.ready},
      {"processing", counts.processing},
      {"delayed", counts.delayed},
      {"dead", counts.dead},
      {"pushed", counts.pushed},
      {"leased", counts.leased},
      {"completed", counts.completed},
      {"failed", counts.failed},
      {"crashed", counts.crashed},
      {"returned", counts.returned},
      {"released", counts.released},
      {"died", counts.died},
      {"dropped", counts.dropped},
      {"merged", counts.merged},
      {"foreign", counts.foreign},
  };
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string result_json(const Result& result) {
  return fmt::format(R"({{"id":"{}",{},{},"fence":{}}})", result.id, member("item", result.item),
                     member("result", result.result), result.fence);
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
