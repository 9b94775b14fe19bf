#include "exec/exchange_folder.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/unique_fd.h"

namespace wq::internal {

namespace fs = std::filesystem;

ExchangeFolder::ExchangeFolder() {
  std::error_code error;
  std::string name = fs::temp_directory_path(error) / "wq-worker-XXXXXX";
  if (!error) name = fs::absolute(name, error);
  if (!error && ::mkdtemp(name.data()) == nullptr) error.assign(errno, std::generic_category());
  if (error) {
    throw std::invalid_argument(
        "--checkpoints and --follow-ups-to need a folder for temporary files; set TMPDIR to one: " +
        error.message());
  }
  path_ = name;
}

ExchangeFolder::~ExchangeFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

ExchangedFile::ExchangedFile(fs::path file) : file_(std::move(file)) {
  std::error_code ignored;
  if (fs::create_directory(file_.parent_path(), ignored)) {  // by somebody who cleans up
    fs::permissions(file_.parent_path(), fs::perms::owner_all, ignored);
  }
  fs::remove_all(file_, ignored);
}

ExchangedFile::~ExchangedFile() {
  std::error_code ignored;
  fs::remove_all(file_, ignored);
}

void ExchangedFile::write(std::string_view text) const {
  std::ofstream out(file_, std::ios::binary);
  out.write(text.data(), static_cast<std::streamsize>(text.size()));
  out.close();
  if (!out) {
    throw std::system_error(errno, std::generic_category(), "cannot write " + file_.string());
  }
}

std::string ExchangedFile::beginning(std::size_t most) const {
  const UniqueFd fd(::open(file_.c_str(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC));
  if (!fd && errno == ENOENT) return "";
  struct stat status {};
  if (!fd || ::fstat(fd.get(), &status) != 0) {
    throw std::system_error(errno, std::generic_category(), "cannot read it");
  }
  if (!S_ISREG(status.st_mode)) {
    throw std::system_error(EINVAL, std::generic_category(), "it is no regular file");
  }
  std::string text;
  std::size_t size = 0;
  while (size < most) {
    constexpr std::size_t kStep = 64 * 1024;
    text.resize(std::min(most, size + kStep));
    const ssize_t n = ::read(fd.get(), text.data() + size, text.size() - size);
    if (n == 0) break;
    if (n > 0) {
      size += static_cast<std::size_t>(n);
    } else if (errno != EINTR) {
      throw std::system_error(errno, std::generic_category(), "cannot read it");
    }
  }
  text.resize(size);
  return text;
}

}  // namespace wq::internal
