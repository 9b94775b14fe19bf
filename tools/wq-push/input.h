#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/unique_fd.h"

namespace wq::push {

/// Waits for input without losing sight of a request to stop, and says when input pauses. One
/// thread at a time.
class InputWait {
 public:
  /// `idle` is called when there is nothing to be read for the moment, before the wait begins.
  explicit InputWait(
      std::stop_token stop = {}, std::function<void()> idle = [] {});
  InputWait(const InputWait&) = delete;
  InputWait& operator=(const InputWait&) = delete;

  /// Waits until `fd` can be read (its end counts). False: stop was requested.
  [[nodiscard]] bool until_readable(int fd);

  /// To be called by who waits for input in another way.
  void tell_idle() const { idle_(); }

  [[nodiscard]] bool stopped() const noexcept { return stop_.stop_requested(); }
  [[nodiscard]] const std::stop_token& stop() const noexcept { return stop_; }

 private:
  std::stop_token stop_;
  std::function<void()> idle_;
  internal::UniqueFd wake_fd_;
  // Writes to wake_fd_, perhaps from another thread, so it goes before that is closed.
  std::optional<std::stop_callback<std::function<void()>>> on_stop_;
};

/// A file that is read from its beginning to its end; "-" is standard input. Closes what it opened.
class Input {
 public:
  /// Throws `InputError` if the file cannot be opened. `wait` must outlive this object.
  Input(const std::string& path, InputWait& wait);
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

  /// The next bytes, valid until the next call; none at the end and after a stop. Throws
  /// `InputError` without the place, which the caller knows better.
  [[nodiscard]] std::string_view read();

  /// True if `read` returned nothing because of a stop, not because of the end.
  [[nodiscard]] bool stopped() const noexcept { return wait_.stopped(); }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// The size of a regular file, none for a pipe.
  [[nodiscard]] std::optional<std::uint64_t> size() const;
  [[nodiscard]] std::uint64_t read_bytes() const noexcept { return read_bytes_; }
  [[nodiscard]] std::optional<double> fraction() const;

 private:
  const std::string name_;
  InputWait& wait_;
  const internal::UniqueFd file_;  // empty: it is standard input
  const int fd_;
  std::uint64_t read_bytes_ = 0;
  std::array<char, 64 * 1024> buffer_;
};

/// Throws `UsageError` if the file is missing or may not be read, without opening it: a pipe can be
/// opened only once.
void check_readable(const std::string& path);

}  // namespace wq::push
