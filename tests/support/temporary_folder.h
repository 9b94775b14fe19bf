#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace wq::test {

/// A folder that is gone with the object. Its path is short enough for a unix socket in it.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  /// Writes a file and returns its path.
  std::string file(const std::string& name, std::string_view text) const;

 private:
  std::filesystem::path path_;
};

}  // namespace wq::test
