#include "exec/checkpoint_file.h"

#include <cerrno>
#include <cstddef>
#include <fstream>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <wq/lease.h>

#include "base/unique_fd.h"

namespace wq::internal {
namespace {

namespace fs = std::filesystem;

/// What the file holds, up to one byte more than a checkpoint may have; empty if there is none. The
/// command may have put anything there: what would be waited for, or is elsewhere, is not read.
std::string beginning_of(const fs::path& file) {
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC));
  struct stat status {};
  if (!fd || ::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) return "";
  std::string text(kLongestCheckpoint + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t n = ::read(fd.get(), text.data() + size, text.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    size += static_cast<std::size_t>(n);
  }
  text.resize(size);
  return text;
}

}  // namespace

ExchangeFolder::ExchangeFolder() {
  std::error_code error;
  std::string name = fs::temp_directory_path(error) / "wq-worker-XXXXXX";
  if (!error) name = fs::absolute(name, error);
  if (!error && ::mkdtemp(name.data()) == nullptr) error.assign(errno, std::generic_category());
  if (error) {
    throw std::invalid_argument(
        "--checkpoints needs a folder for temporary files; set TMPDIR to "
        "one: " +
        error.message());
  }
  path_ = name;
}

ExchangeFolder::~ExchangeFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

CheckpointFile::CheckpointFile(fs::path file, std::string_view before, Save save, Log log)
    : file_(std::move(file)), saved_(before), save_(std::move(save)), log_(std::move(log)) {
  std::error_code ignored;
  if (fs::create_directory(file_.parent_path(), ignored)) {  // by somebody who cleans up
    fs::permissions(file_.parent_path(), fs::perms::owner_all, ignored);
  }
  fs::remove_all(file_, ignored);
  if (before.empty()) return;
  std::ofstream out(file_, std::ios::binary);
  out.write(before.data(), static_cast<std::streamsize>(before.size()));
  out.close();
  if (!out) {
    throw std::system_error(errno, std::generic_category(), "cannot write " + file_.string());
  }
}

CheckpointFile::~CheckpointFile() {
  std::error_code ignored;
  fs::remove_all(file_, ignored);
}

void CheckpointFile::look() {
  std::string text = beginning_of(file_);
  if (text.empty() || text == saved_) return;
  if (text.size() > kLongestCheckpoint) {
    if (!std::exchange(said_, true) && log_) {
      log_(LogLevel::warning,
           fmt::format("the checkpoint in {} is longer than {} bytes: it is not saved",
                       file_.string(), kLongestCheckpoint));
    }
    return;
  }
  saved_ = text;
  save_(std::move(text));
}

}  // namespace wq::internal
