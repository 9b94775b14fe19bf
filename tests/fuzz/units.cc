// Durations, sizes and numbers: what is read can be written and read again; what is written can be
// read; a refusal is one line.

#include "cli/units.h"

#include <algorithm>
#include <string>

#include "fuzz/fuzz.h"

namespace wq::fuzz {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLongest = std::chrono::hours{24} * 36'500;

template <typename Read>
void read_one(Read read) {
  const auto message = refusal(read);
  require(!message || is_one_line(*message), "a refusal is one line");
}

void read_text(const std::string& text, std::uint64_t min, std::uint64_t max) {
  read_one([&] {
    const milliseconds duration = cli::parse_duration(text);
    require(duration >= milliseconds{0} && duration <= kLongest, "a duration is in its range");
    require(cli::parse_duration(cli::duration_text(duration)) == duration, "durations round trip");
  });
  read_one([&] {
    const cli::DurationRange range = cli::parse_duration_range(text);
    require(range.min <= range.max, "a range goes up");
    const auto again = cli::parse_duration_range(cli::duration_range_text(range));
    require(again.min == range.min && again.max == range.max, "ranges round trip");
  });
  read_one([&] {
    const std::uint64_t size = cli::parse_size(text);
    require(cli::parse_size(cli::size_text(size)) == size, "sizes round trip");
    require(size >= std::stoull(text), "a unit makes a size no smaller");
  });
  read_one([&] {
    const std::uint64_t number = cli::parse_number(text, min, max);
    require(number >= min && number <= max, "a number is in its range");
    const std::string digits = std::to_string(number);
    require(text.ends_with(digits) && text.find_first_not_of('0') >= text.size() - digits.size(),
            "a number is what its digits say");
  });
  read_one([&] { static_cast<void>(cli::parse_switch(text)); });
}

void write_and_read(std::uint64_t number) {
  require(cli::parse_size(cli::size_text(number)) == number, "any size can be written");
  const milliseconds duration{number % static_cast<std::uint64_t>(kLongest.count() + 1)};
  require(cli::parse_duration(cli::duration_text(duration)) == duration,
          "any duration can be written");
}

}  // namespace
}  // namespace wq::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  wq::fuzz::Bytes bytes(data, size);
  const std::uint64_t a = bytes.byte();
  const std::uint64_t b = bytes.byte() * 1'000ULL;
  wq::fuzz::read_text(std::string(bytes.rest()), std::min(a, b), std::max(a, b));
  wq::fuzz::write_and_read(bytes.number());
  return 0;
}
