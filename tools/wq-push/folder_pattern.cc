#include "wq-push/folder_pattern.h"

#include <system_error>
#include <utility>

#include "cli/options.h"
#include "wq-push/item_source.h"

namespace wq::push {

namespace fs = std::filesystem;

namespace {

/// `name_begins`: the pattern stands at the beginning of a name, where `**/` may be nothing.
bool match(std::string_view pattern, std::string_view path, bool name_begins) noexcept {
  while (!pattern.empty() && pattern.front() != '*') {
    if (path.empty() || path.front() != pattern.front()) return false;
    name_begins = pattern.front() == '/';
    pattern.remove_prefix(1);
    path.remove_prefix(1);
  }
  if (pattern.empty()) return path.empty();

  const bool across_folders = pattern.starts_with("**");
  const std::string_view rest = pattern.substr(across_folders ? 2 : 1);
  if (across_folders && name_begins && rest.starts_with('/') && match(rest.substr(1), path, true)) {
    return true;
  }
  for (std::size_t taken = 0;; ++taken) {
    if (match(rest, path.substr(taken), false)) return true;
    if (taken == path.size() || (!across_folders && path[taken] == '/')) return false;
  }
}

std::string unreadable(const std::string& folder, const std::error_code& error) {
  return "cannot read the folder '" + folder + "': " + error.message();
}

}  // namespace

bool is_folder_pattern(std::string_view text) noexcept {
  return text.find('*') != std::string_view::npos;
}

bool matches(std::string_view pattern, std::string_view path) noexcept {
  return match(pattern, path, true);
}

bool leads_to_match(std::string_view pattern, std::string_view folder) noexcept {
  // Compared with as many names of the pattern as the folder's path has.
  std::size_t end = pattern.find('/');
  for (const char c : folder) {
    if (c == '/' && end != std::string_view::npos) end = pattern.find('/', end + 1);
  }
  const std::string_view names = pattern.substr(0, end);
  if (names.find("**") != std::string_view::npos) return true;
  return end != std::string_view::npos && matches(names, folder);
}

FolderPattern::FolderPattern(std::string pattern) : pattern_(std::move(pattern)) {
  const std::size_t slash = pattern_.substr(0, pattern_.find('*')).rfind('/');
  const std::size_t fixed = slash == std::string::npos ? 0 : slash + 1;
  base_ = pattern_.substr(0, fixed);
  wild_ = pattern_.substr(fixed);
  hidden_ = wild_.starts_with('.') || wild_.find("/.") != std::string::npos;
  std::error_code error;
  const std::string folder = base_.empty() ? "." : base_;
  place_ = fs::recursive_directory_iterator(folder, error);
  if (error) throw cli::UsageError(unreadable(folder, error));
}

bool FolderPattern::next(std::string& path) {
  while (place_ != fs::recursive_directory_iterator{}) {
    const bool match = visit(path);
    advance();
    if (!match) continue;
    found_ = true;
    return true;
  }
  if (!found_) {
    throw cli::UsageError("no file matches '" + pattern_ +
                          "'; --literal takes arguments as they are, with no pattern in them");
  }
  return false;
}

bool FolderPattern::visit(std::string& path) {
  // Written as the pattern is: what was put in front to open "." goes again.
  const std::string& full = place_->path().native();
  path = base_.empty() ? full.substr(2) : full;
  const std::string_view below = std::string_view(path).substr(base_.size());
  const bool left_out = !hidden_ && below.substr(below.rfind('/') + 1).starts_with('.');

  std::error_code ignored;  // an entry that vanished is neither a folder nor a file
  if (!place_->is_symlink(ignored) && place_->is_directory(ignored)) {
    // A folder in which nothing can match is not even opened: it may be large, or closed to us.
    if (left_out || !leads_to_match(wild_, below)) place_.disable_recursion_pending();
    return false;
  }
  return !left_out && matches(wild_, below) && place_->is_regular_file(ignored);
}

void FolderPattern::advance() {
  const std::string here = place_->path().native();
  std::error_code error;
  place_.increment(error);
  if (error) throw InputError(unreadable(here, error));
}

}  // namespace wq::push
