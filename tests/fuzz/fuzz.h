#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

/// What libFuzzer calls with one input after the other, and the replay of the corpus too. Each
/// target defines it.
// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name for it
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace wq::fuzz {

/// Ends the process, as a finding, unless the property holds.
void require(bool holds, std::string_view property);

/// An input, taken apart from its beginning.
class Bytes {
 public:
  Bytes(const std::uint8_t* data, std::size_t size)
      : rest_(reinterpret_cast<const char*>(data), size) {}

  /// The next byte; 0 at the end.
  [[nodiscard]] std::uint8_t byte();
  /// The next eight bytes as a number.
  [[nodiscard]] std::uint64_t number();
  /// What is left up to the next NUL byte, which is passed over.
  [[nodiscard]] std::string word();
  /// All that is left, cut at NUL bytes.
  [[nodiscard]] std::vector<std::string> words();
  [[nodiscard]] std::string_view rest() const noexcept { return rest_; }

 private:
  std::string_view rest_;
};

/// Runs a step that may refuse its input with `std::invalid_argument`; returns the message, which
/// must be one line for a user, or nothing if it went through. Any other exception is a finding.
template <typename Step>
std::optional<std::string> refusal(Step step) {
  try {
    step();
    return std::nullopt;
  } catch (const std::invalid_argument& error) {
    const std::string message = error.what();
    require(!message.empty(), "a refusal says why");
    return message;
  }
}

/// True if the text is one line that a terminal shows as it is.
[[nodiscard]] bool is_one_line(std::string_view text);

}  // namespace wq::fuzz
