#include "fault/wire.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <stdexcept>
#include <vector>

#include "script/script.h"

namespace wq::fault {
namespace {

constexpr std::size_t kIncomplete = std::string_view::npos;
constexpr std::string_view kLineEnd = "\r\n";

long number_in(std::string_view line) {
  long value = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value);
  if (error != std::errc{} || end != line.data() + line.size()) {
    throw std::runtime_error("not a length: " + std::string(line));
  }
  return value;
}

// Where the frame that begins at `begin` ends.
std::size_t frame_end(std::string_view bytes, std::size_t begin) {
  const std::size_t line_end = bytes.find(kLineEnd, begin);
  if (line_end == std::string_view::npos) return kIncomplete;
  const std::size_t next = line_end + kLineEnd.size();
  const char kind = bytes[begin];
  if (kind == '+' || kind == '-' || kind == ':') return next;
  if (kind != '$' && kind != '*') throw std::runtime_error("not the beginning of a frame");
  const long length = number_in(bytes.substr(begin + 1, line_end - begin - 1));
  if (length < 0) return next;
  if (kind == '$') {
    const std::size_t end = next + static_cast<std::size_t>(length) + kLineEnd.size();
    return end <= bytes.size() ? end : kIncomplete;
  }
  std::size_t end = next;
  for (long i = 0; i < length && end != kIncomplete; ++i) end = frame_end(bytes, end);
  return end;
}

// The first words of a command, at most `most`.
std::vector<std::string_view> words_of(std::string_view frame, std::size_t most) {
  std::vector<std::string_view> words;
  std::size_t at = frame.find(kLineEnd) + kLineEnd.size();
  while (at < frame.size() && words.size() < most) {
    const std::size_t line_end = frame.find(kLineEnd, at);
    const auto length =
        static_cast<std::size_t>(number_in(frame.substr(at + 1, line_end - at - 1)));
    words.push_back(frame.substr(line_end + kLineEnd.size(), length));
    at = line_end + length + 2 * kLineEnd.size();
  }
  return words;
}

std::string upper(std::string_view word) {
  std::string text(word);
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

}  // namespace

std::string FrameSplitter::next() {
  if (bytes_.empty()) return {};
  const std::size_t end = frame_end(bytes_, 0);
  if (end == kIncomplete) return {};
  std::string frame = bytes_.substr(0, end);
  bytes_.erase(0, end);
  return frame;
}

std::string name_of_command(std::string_view frame) {
  const std::vector<std::string_view> words = words_of(frame, 2);
  if (words.empty()) return "nothing";
  if (words.size() == 2 && upper(words[0]) == "EVALSHA") {
    for (const internal::Script* script : internal::all_scripts()) {
      if (script->sha1 == words[1]) return std::string(script->name);
    }
  }
  return upper(words[0]);
}

}  // namespace wq::fault
