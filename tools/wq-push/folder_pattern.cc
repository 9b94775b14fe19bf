#include "wq-push/folder_pattern.h"

#include <system_error>
#include <utility>

#include "cli/options.h"
#include "wq-push/item_source.h"

namespace wq::push {

namespace fs = std::filesystem;

namespace {

/// A wildcard that was passed: where the pattern goes on, and where the path does if the wildcard
/// matches no more characters.
struct Wildcard {
  std::size_t pattern = std::string_view::npos;
  std::size_t path = 0;

  [[nodiscard]] bool passed() const noexcept { return pattern != std::string_view::npos; }
};

std::string unreadable(const std::string& folder, const std::error_code& error) {
  return "cannot read the folder '" + folder + "': " + error.message();
}

}  // namespace

bool is_folder_pattern(std::string_view text) noexcept {
  return text.find('*') != std::string_view::npos;
}

// Every wildcard takes as little as it can. Where the pattern fails, the last `*` takes one more;
// if a slash is in its way, the last `**` does. Those before them need never be tried again: what
// they could give up, the later one can take. So a pattern of many stars costs no more than it
// must.
bool matches(std::string_view pattern, std::string_view path) noexcept {
  Wildcard star;
  Wildcard stars;
  bool whole_names = false;  // the last `**` is a `**/`, which ends where a name begins
  std::size_t p = 0;
  std::size_t t = 0;
  while (p < pattern.size() || t < path.size()) {
    const std::string_view rest = pattern.substr(p);
    if (rest.starts_with("**")) {
      whole_names = rest.starts_with("**/") && (p == 0 || pattern[p - 1] == '/');
      p += whole_names ? 3 : 2;
      stars = {p, t};
      star = {};
    } else if (rest.starts_with('*')) {
      star = {++p, t};
    } else if (!rest.empty() && t < path.size() && rest.front() == path[t]) {
      ++p;
      ++t;
    } else if (star.passed() && star.path < path.size() && path[star.path] != '/') {
      p = star.pattern;
      t = ++star.path;
    } else if (stars.passed() && stars.path < path.size()) {
      const std::size_t end = whole_names ? path.find('/', stars.path) : stars.path;
      if (end == std::string_view::npos) return false;
      p = stars.pattern;
      t = stars.path = end + 1;
      star = {};
    } else {
      return false;
    }
  }
  return true;
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
    throw cli::UsageError("no file matches '" + pattern_ + "'; --literal turns patterns off");
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
