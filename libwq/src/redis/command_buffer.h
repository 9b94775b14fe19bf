#pragma once

#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>

namespace wq::internal {

/// Arguments of a command that is not begun yet, encoded as they are added. Not thread-safe.
class EncodedArgs {
 public:
  void add(std::string_view arg);

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }

 private:
  std::string bytes_;
  std::size_t size_ = 0;
};

/// Commands for Redis, encoded one after the other into a buffer that is sent as a whole. A command
/// is a list of arguments, the first of which is its name. An argument may hold any bytes
/// (https://redis.io/docs/reference/protocol-spec/). Not thread-safe.
class CommandBuffer {
 public:
  CommandBuffer() = default;
  /// Whole commands.
  CommandBuffer(std::initializer_list<std::initializer_list<std::string_view>> commands) {
    for (const auto& each : commands) command(each);
  }

  /// A whole command.
  void command(std::initializer_list<std::string_view> args);

  /// Begins a command of `args` arguments, its name included. The caller must add exactly as many.
  void begin(std::size_t args);
  void arg(std::string_view bytes);
  /// One argument in two pieces, which saves joining them first.
  void arg(std::string_view head, std::string_view tail);
  void arg(std::integral auto number) { arg(std::string_view(std::to_string(number))); }
  /// Adds arguments that `EncodedArgs` has encoded.
  void append(std::string_view args) { bytes_ += args; }

  /// All commands of another buffer.
  void add(const CommandBuffer& other) {
    bytes_ += other.bytes_;
    size_ += other.size_;
  }

  /// The number of commands, which is the number of replies to expect.
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }
  /// Empties the buffer. Its memory is kept up to 1 MiB.
  void clear();

 private:
  std::string bytes_;
  std::size_t size_ = 0;
};

}  // namespace wq::internal
