#include "exec/checkpoint_file.h"

#include <string>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include <wq/lease.h>

namespace wq::internal {

CheckpointFile::CheckpointFile(std::filesystem::path file, std::string_view before, Save save,
                               Log log)
    : file_(std::move(file)), saved_(before), save_(std::move(save)), log_(std::move(log)) {
  if (!before.empty()) file_.write(before);
}

void CheckpointFile::look() {
  std::string text;
  try {
    text = file_.beginning(kLongestCheckpoint + 1);
  } catch (const std::system_error&) {  // no checkpoint
    return;
  }
  if (text.empty() || text == saved_) return;
  if (text.size() > kLongestCheckpoint) {
    if (!std::exchange(said_, true) && log_) {
      log_(LogLevel::warning,
           fmt::format("the checkpoint in {} is longer than {} bytes: it is not saved",
                       path().string(), kLongestCheckpoint));
    }
    return;
  }
  saved_ = text;
  save_(std::move(text));
}

}  // namespace wq::internal
