#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace wq::internal {

/// A private folder for files that commands and this worker exchange. Removed with the object; a
/// worker that is killed leaves it behind. Throws `std::invalid_argument` if it cannot be made in
/// $TMPDIR (default: /tmp).
class ExchangeFolder {
 public:
  ExchangeFolder();
  ~ExchangeFolder();
  ExchangeFolder(const ExchangeFolder&) = delete;
  ExchangeFolder& operator=(const ExchangeFolder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
};

/// A file of one attempt, which its command makes or replaces. Nothing is there at first. Removed
/// with the object. Of the thread that runs the command.
class ExchangedFile {
 public:
  /// Makes its folder again if that is gone.
  explicit ExchangedFile(std::filesystem::path file);
  ~ExchangedFile();
  ExchangedFile(const ExchangedFile&) = delete;
  ExchangedFile& operator=(const ExchangedFile&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return file_; }
  /// Throws `std::system_error`.
  void write(std::string_view text) const;
  /// What it holds, up to `most` bytes; empty if there is none. Throws `std::system_error` for what
  /// cannot be read, or is no regular file: the command may have put anything there, and what would
  /// be waited for, or is elsewhere, is not read.
  [[nodiscard]] std::string beginning(std::size_t most) const;

 private:
  const std::filesystem::path file_;
};

}  // namespace wq::internal
