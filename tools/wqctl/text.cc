#include "wqctl/text.h"

#include <cstdint>

#include <fmt/format.h>

#include "wqctl/json.h"

namespace wq::ctl {

namespace {

std::string plural(std::uint64_t n, std::string_view word) {
  return fmt::format("{} {}{}", n, word, n == 1 ? "" : "s");
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
  return json_line(json);
}

std::string result_json(const Result& result) {
  Json json = {{"id", result.id}};
  put_bytes(json, "item", result.item);
  put_bytes(json, "result", result.result);
  json["fence"] = result.fence;
  return json_line(json);
}

}  // namespace wq::ctl
