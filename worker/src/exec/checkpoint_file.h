#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include <wq/log.h>

#include "exec/exchange_folder.h"

namespace wq::internal {

/// The file with the checkpoint of one attempt: it holds that of the attempt before, if there is
/// one, and the command replaces it. Of the thread that runs the command.
class CheckpointFile {
 public:
  /// Hands on each new content of the file.
  using Save = std::function<void(std::string)>;

  /// `log` may be empty. Throws `std::system_error` if the file cannot be written.
  CheckpointFile(std::filesystem::path file, std::string_view before, Save save, Log log);

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return file_.path(); }

  /// Saves what the file holds, if that is something else than before. One that is missing, empty,
  /// no regular file or longer than `kLongestCheckpoint` is no checkpoint; the last is logged,
  /// once.
  void look();

 private:
  const ExchangedFile file_;
  std::string saved_;
  const Save save_;
  const Log log_;
  bool said_ = false;
};

}  // namespace wq::internal
