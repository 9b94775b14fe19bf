#include "metrics/deadline.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <stdexcept>
#include <string>

#include <fmt/format.h>

namespace wq::metrics {

namespace {

using Seconds = std::chrono::duration<double>;

constexpr std::string_view kForm = "0000-00-00T00:00:00Z";

bool has_form(std::string_view text) {
  return std::equal(text.begin(), text.end(), kForm.begin(), kForm.end(), [](char c, char form) {
    return form == '0' ? c >= '0' && c <= '9' : c == form;
  });
}

// Of text that has the form.
unsigned number_at(std::string_view text, std::size_t place, std::size_t digits) {
  unsigned number = 0;
  const std::string_view part = text.substr(place, digits);
  std::from_chars(part.data(), part.data() + part.size(), number);
  return number;
}

}  // namespace

Deadline parse_deadline(std::string_view text) {
  using namespace std::chrono;
  if (has_form(text)) {
    const year_month_day date{year{static_cast<int>(number_at(text, 0, 4))},
                              month{number_at(text, 5, 2)}, day{number_at(text, 8, 2)}};
    const unsigned hour = number_at(text, 11, 2);
    const unsigned minute = number_at(text, 14, 2);
    const unsigned second = number_at(text, 17, 2);
    if (date.ok() && hour < 24 && minute < 60 && second < 60) {
      return sys_days{date} + hours{hour} + minutes{minute} + seconds{second};
    }
  }
  throw std::invalid_argument(
      fmt::format("'{}' is not a point in time such as 2026-12-01T06:00:00Z (UTC)", text));
}

std::uint64_t remaining_items(const Counts& counts) {
  return counts.ready + counts.processing + counts.delayed;
}

std::uint64_t workers_wanted(const QueueMetrics& metrics, Deadline deadline) {
  const auto remaining = static_cast<double>(remaining_items(metrics.counts));
  if (remaining == 0) return 0;
  if (!metrics.item_time) return 1;
  const double slots = metrics.workers == 0
                           ? 1
                           : std::max(1.0, static_cast<double>(metrics.slots) /
                                               static_cast<double>(metrics.workers));
  const Seconds left = deadline - metrics.read_at;
  const Seconds item = *metrics.item_time;
  // In the time that is left, a slot does whole items only.
  const double each = std::floor(left / item);
  const double most = std::ceil(remaining / slots);
  if (each < 1) return static_cast<std::uint64_t>(most);
  return static_cast<std::uint64_t>(std::min(std::ceil(remaining / (each * slots)), most));
}

}  // namespace wq::metrics
