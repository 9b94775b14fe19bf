#include "support/temporary_folder.h"

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <system_error>

namespace wq::test {

TemporaryFolder::TemporaryFolder() {
  constexpr std::string_view kName = "/wq-XXXXXX";
  constexpr std::size_t kLongest = 80;  // the address of a unix socket has 107 bytes
  std::string path = std::filesystem::temp_directory_path().string();
  if (path.size() + kName.size() > kLongest) path = "/tmp";
  path += kName;
  if (::mkdtemp(path.data()) == nullptr) {
    throw std::system_error(errno, std::generic_category(), "cannot make the folder " + path);
  }
  path_ = path;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TemporaryFolder::file(const std::string& name, std::string_view text) const {
  std::string path = path_ / name;
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(text.data(), static_cast<std::streamsize>(text.size()));
  return path;
}

}  // namespace wq::test
