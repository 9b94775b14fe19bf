#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include <wq/log.h>

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

/// The file with the checkpoint of one attempt: it holds that of the attempt before, if there is
/// one, and the command replaces it. Of the thread that runs the command.
class CheckpointFile {
 public:
  /// Hands on each new content of the file.
  using Save = std::function<void(std::string)>;

  /// Makes the folder again if it is gone. `log` may be empty. Throws `std::system_error` if the
  /// file cannot be written.
  CheckpointFile(std::filesystem::path file, std::string_view before, Save save, Log log);
  ~CheckpointFile();
  CheckpointFile(const CheckpointFile&) = delete;
  CheckpointFile& operator=(const CheckpointFile&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return file_; }

  /// Saves what the file holds, if that is something else than before. One that is missing, empty,
  /// no regular file or longer than `kLongestCheckpoint` is no checkpoint; the last is logged,
  /// once.
  void look();

 private:
  const std::filesystem::path file_;
  std::string saved_;
  const Save save_;
  const Log log_;
  bool said_ = false;
};

}  // namespace wq::internal
