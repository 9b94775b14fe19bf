#include "cli/units.h"

#include <array>
#include <cctype>
#include <charconv>
#include <optional>
#include <stdexcept>
#include <system_error>

#include <fmt/format.h>

namespace wq::cli {

namespace {

using std::chrono::milliseconds;

struct DurationUnit {
  std::string_view name;
  milliseconds length;
};

// From the longest down, as `duration_text` needs them.
constexpr std::array<DurationUnit, 5> kDurationUnits{{
    {"d", std::chrono::hours{24}},
    {"h", std::chrono::hours{1}},
    {"m", std::chrono::minutes{1}},
    {"s", std::chrono::seconds{1}},
    {"ms", milliseconds{1}},
}};

constexpr milliseconds kMaxDuration = std::chrono::hours{24} * 36'500;

/// The number that `text` begins with, which is cut off. None: no digit first, or too large.
std::optional<std::uint64_t> take_number(std::string_view& text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

/// The text as it may be shown within one line.
std::string quoted(std::string_view text) {
  std::string shown = "'";
  for (const char c : text) shown += std::isprint(static_cast<unsigned char>(c)) != 0 ? c : '?';
  return shown + "'";
}

}  // namespace

milliseconds parse_duration(std::string_view text) {
  std::string_view rest = text;
  const auto number = take_number(rest);
  if (!number) {
    throw std::invalid_argument(
        fmt::format("{} is not a duration: a whole number and a unit (ms, s, m, h, d), such as 60s",
                    quoted(text)));
  }
  if (rest.empty()) {
    if (*number == 0) return milliseconds{0};
    throw std::invalid_argument(
        fmt::format("{} has no unit: ms, s, m, h or d, such as {}s", quoted(text), *number));
  }
  for (const DurationUnit& unit : kDurationUnits) {
    if (rest != unit.name) continue;
    const auto most = static_cast<std::uint64_t>(kMaxDuration / unit.length);
    if (*number > most) {
      throw std::invalid_argument(
          fmt::format("{} is too long: at most {}{}", quoted(text), most, unit.name));
    }
    return unit.length * static_cast<milliseconds::rep>(*number);
  }
  throw std::invalid_argument(
      fmt::format("{} is not a duration: a whole number and one unit (ms, s, m, h, d), such as 60s",
                  quoted(text)));
}

std::string duration_text(milliseconds duration) {
  if (duration.count() == 0) return "0";
  for (const DurationUnit& unit : kDurationUnits) {
    if (duration % unit.length != milliseconds{0}) continue;
    // 60s and 24h are what people write, not 1m and 1d.
    const bool one_of_a_long_unit =
        unit.length > std::chrono::seconds{1} && duration == unit.length && unit.name != "h";
    if (!one_of_a_long_unit) return fmt::format("{}{}", duration / unit.length, unit.name);
  }
  return fmt::format("{}ms", duration.count());
}

DurationRange parse_duration_range(std::string_view text) {
  const std::size_t dots = text.find("..");
  if (dots == std::string_view::npos) {
    throw std::invalid_argument(
        fmt::format("{} is not a range: two durations, such as 1s..5m", quoted(text)));
  }
  const DurationRange range{parse_duration(text.substr(0, dots)),
                            parse_duration(text.substr(dots + 2))};
  if (range.min > range.max) {
    throw std::invalid_argument(
        fmt::format("{}: the first duration is longer than the second", quoted(text)));
  }
  return range;
}

std::string duration_range_text(DurationRange range) {
  return duration_text(range.min) + ".." + duration_text(range.max);
}

std::uint64_t parse_size(std::string_view text) {
  std::string_view rest = text;
  const auto number = take_number(rest);
  const auto refuse = [&](std::string_view why) {
    throw std::invalid_argument(fmt::format("{} {}", quoted(text), why));
  };
  constexpr std::string_view kForms =
      "is not a size: bytes, or a whole number with K, M, G or T, such as 64M";
  if (!number) refuse(kForms);
  if (rest.empty()) return *number;

  constexpr std::string_view kLetters = "KMGT";
  const std::size_t power =
      kLetters.find(static_cast<char>(std::toupper(static_cast<unsigned char>(rest.front()))));
  if (power == std::string_view::npos) refuse(kForms);
  const std::string_view ending = rest.substr(1);
  if (ending == "B" || ending == "b") refuse("can mean two sizes: write M or MiB for 1024 * 1024");
  if (!ending.empty() && ending != "i" && ending != "iB") refuse(kForms);
  const std::uint64_t unit = std::uint64_t{1} << (10 * (power + 1));
  if (*number > std::numeric_limits<std::uint64_t>::max() / unit) refuse("is too large");
  return *number * unit;
}

std::string size_text(std::uint64_t bytes) {
  constexpr std::string_view kLetters = "TGMK";
  int shift = 40;
  for (const char letter : kLetters) {
    const std::uint64_t unit = std::uint64_t{1} << shift;
    if (bytes != 0 && bytes % unit == 0) return fmt::format("{}{}", bytes / unit, letter);
    shift -= 10;
  }
  return fmt::format("{}", bytes);
}

std::uint64_t parse_number(std::string_view text, std::uint64_t min, std::uint64_t max) {
  std::string_view rest = text;
  const auto number = take_number(rest);
  if (number && rest.empty() && *number >= min && *number <= max) return *number;
  if (max == std::numeric_limits<std::uint64_t>::max()) {
    throw std::invalid_argument(
        fmt::format("{} is not a whole number from {} on", quoted(text), min));
  }
  throw std::invalid_argument(
      fmt::format("{} is not a whole number from {} to {}", quoted(text), min, max));
}

std::string plural(std::uint64_t n, std::string_view one, std::string_view many) {
  if (n == 1 || many.empty()) return fmt::format("{} {}{}", n, one, n == 1 ? "" : "s");
  return fmt::format("{} {}", n, many);
}

bool parse_switch(std::string_view text) {
  std::string lower;
  for (const char c : text) {
    lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  if (lower == "1" || lower == "true" || lower == "yes" || lower == "on") return true;
  if (lower == "0" || lower == "false" || lower == "no" || lower == "off") return false;
  throw std::invalid_argument(
      fmt::format("{} is invalid: must be 1 (on) or 0 (off)", quoted(text)));
}

std::string age_text(std::chrono::milliseconds age) {
  using namespace std::chrono;
  const auto ms = age.count();
  if (ms < 1'000) return fmt::format("{}ms", ms);
  const auto s = ms / 1'000;
  if (s < 60) return fmt::format("{}s", s);
  if (s < 3'600) return fmt::format("{}m{:02}s", s / 60, s % 60);
  if (s < 86'400) return fmt::format("{}h{:02}m", s / 3'600, s / 60 % 60);
  return fmt::format("{}d{:02}h", s / 86'400, s / 3'600 % 24);
}

}  // namespace wq::cli
