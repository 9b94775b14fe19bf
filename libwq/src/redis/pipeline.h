#pragma once

#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>

namespace wq::internal {

/// Words of a command that is not begun yet, encoded as they come. Not thread-safe.
class Words {
 public:
  void add(std::string_view word);

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }

 private:
  std::string bytes_;
  std::size_t size_ = 0;
};

/// Commands for Redis, encoded one after the other into one buffer that is sent as a whole. A
/// command is a list of words that may hold any bytes
/// (https://redis.io/docs/reference/protocol-spec/). Not thread-safe.
class Pipeline {
 public:
  /// A whole command.
  void command(std::initializer_list<std::string_view> words);

  /// A command of `words` words, which must follow, one call each.
  void begin(std::size_t words);
  void word(std::string_view bytes);
  /// Two pieces that make one word: saves building it.
  void word(std::string_view head, std::string_view tail);
  void word(std::integral auto number) { word(std::string_view(std::to_string(number))); }
  /// Words as `Words` has encoded them.
  void append(std::string_view words) { bytes_ += words; }

  /// How many commands, so how many replies will come.
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }
  /// Empties it and keeps the memory, unless it was unusually much.
  void clear();

 private:
  std::string bytes_;
  std::size_t size_ = 0;
};

}  // namespace wq::internal
