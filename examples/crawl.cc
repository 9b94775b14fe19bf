// Crawls a site that lies in a folder: an item is the path of a page, its follow-ups are the pages
// that it links to, its result is how many links it has. Pages link to each other in circles; each
// is read once, since a follow-up whose key was seen is not pushed again. The first page is pushed
// the same way:
//
//   cd SITE && wq-push --once site index.html && crawl --queue site
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <regex>
#include <string>

#include <wq/worker_main.h>

namespace {

// Where a link of the page leads within the site; nothing if it leads away or into the page itself.
std::optional<std::string> target(const std::filesystem::path& page, const std::string& link) {
  const std::string path = link.substr(0, link.find_first_of("#?"));
  if (path.empty() || path.find(':') != std::string::npos || path.front() == '/') return {};
  std::string found = (page.parent_path() / path).lexically_normal().generic_string();
  if (found.starts_with("..")) return {};
  return found;
}

wq::Outcome crawl(const wq::Job& job) {
  const std::filesystem::path page{std::string(job.item)};
  std::ifstream file(page);
  if (!file) return wq::Outcome::fatal("there is no such page");
  const std::string text(std::istreambuf_iterator<char>{file}, {});
  static const std::regex link(R"re(<a\s[^>]*href="([^"]*)")re", std::regex::icase);
  wq::Outcome outcome;
  const auto begin = std::sregex_iterator(text.begin(), text.end(), link);
  for (auto each = begin; each != std::sregex_iterator(); ++each) {
    if (auto next = target(page, (*each)[1].str())) {
      outcome.follow_ups.push_back(wq::FollowUp::once(std::move(*next)));
    }
  }
  outcome.result = std::to_string(outcome.follow_ups.size());
  return outcome;
}

}  // namespace

int main(int argc, char** argv) { return wq::worker_main(argc, argv, crawl); }
