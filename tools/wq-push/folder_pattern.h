#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace wq::push {

/// True if the text holds a `*`, the only character that makes a pattern.
[[nodiscard]] bool is_folder_pattern(std::string_view text) noexcept;

/// True if the pattern matches the path. `*` is any run of characters within one name, `**` any run
/// of characters, slashes included; `**/` may also be nothing, so `dir/**/a` matches `dir/a`.
[[nodiscard]] bool matches(std::string_view pattern, std::string_view path) noexcept;

/// True if a matching file may exist below the folder.
[[nodiscard]] bool leads_to_match(std::string_view pattern, std::string_view folder) noexcept;

/// The regular files that match a pattern such as `dir/**.tar`, one after the other in the order in
/// which the folders list them; no listing is held in memory. Links to files count, links to
/// folders are not followed below the fixed part of the pattern. Names with a leading dot are left
/// out unless the pattern has a name with one.
class FolderPattern {
 public:
  /// Throws `UsageError` if the folder in front of the first `*` cannot be read.
  explicit FolderPattern(std::string pattern);

  /// Sets `path` to the next one, written the way the pattern is. Throws `InputError` for a folder
  /// that cannot be read, and `UsageError` at the end if no file matched at all.
  [[nodiscard]] bool next(std::string& path);

 private:
  [[nodiscard]] bool visit(std::string& path);
  void advance();

  const std::string pattern_;
  std::string base_;  // up to the last slash in front of the first `*`, slash included
  std::string wild_;  // the rest
  bool hidden_ = false;
  bool found_ = false;
  std::filesystem::recursive_directory_iterator place_;
};

}  // namespace wq::push
