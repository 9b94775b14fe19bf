// Folder patterns against a second matcher that goes through all possibilities in a table.

#include "wq-push/folder_pattern.h"

#include <string>
#include <vector>

#include "fuzz/fuzz.h"

namespace wq::fuzz {
namespace {

constexpr std::size_t kLongest = 256;

/// cell(p, t): the pattern from p on matches the path from t on.
bool should_match(std::string_view pattern, std::string_view path) {
  const std::size_t width = path.size() + 1;
  std::vector<char> table((pattern.size() + 4) * width, 0);
  const auto cell = [&](std::size_t p, std::size_t t) -> char& { return table[p * width + t]; };
  cell(pattern.size(), path.size()) = 1;
  for (std::size_t p = pattern.size(); p-- > 0;) {
    const bool star = pattern[p] == '*';
    const bool two = star && p + 1 < pattern.size() && pattern[p + 1] == '*';
    const bool name_begins = p == 0 || pattern[p - 1] == '/';
    const bool may_vanish = two && name_begins && pattern.substr(p + 2).starts_with('/');
    bool run = false;  // of "**", from t on, however much of it went before
    for (std::size_t t = path.size() + 1; t-- > 0;) {
      const bool more = t < path.size();
      bool yes = false;
      if (two) {
        run = run || cell(p + 2, t) != 0;
        yes = run || (may_vanish && cell(p + 3, t) != 0);
      } else if (star) {
        yes = cell(p + 1, t) != 0 || (more && path[t] != '/' && cell(p, t + 1) != 0);
      } else {
        yes = more && path[t] == pattern[p] && cell(p + 1, t + 1) != 0;
      }
      cell(p, t) = yes ? 1 : 0;
    }
  }
  return cell(0, 0) != 0;
}

void look(const std::string& pattern, const std::string& path) {
  const bool is = push::matches(pattern, path);
  require(is == should_match(pattern, path), "both matchers agree");
  require(push::is_folder_pattern(pattern) || is == (pattern == path),
          "what is no pattern stands for itself");
  if (!is) return;
  for (std::size_t slash = path.find('/'); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    require(push::leads_to_match(pattern, path.substr(0, slash)),
            "every folder above a match is entered");
  }
}

}  // namespace
}  // namespace wq::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > wq::fuzz::kLongest) return 0;
  wq::fuzz::Bytes bytes(data, size);
  const std::string pattern = bytes.word();
  wq::fuzz::look(pattern, std::string(bytes.rest()));
  return 0;
}
