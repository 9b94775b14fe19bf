// Crawls a site that lies in a folder: an item is the path of a page, its follow-ups are the pages
// that it links to. Pages link to each other in circles; each is read once, since a follow-up whose
// key was seen is not pushed again. The result says how many links within the site the page has,
// and which of them are dead. The first page is pushed with the same key:
//
//   cd SITE && wq-push --once site index.html && crawl --queue site
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <regex>
#include <set>
#include <string>
#include <system_error>

#include <nlohmann/json.hpp>

#include <wq/worker_main.h>

namespace {

// %20 is a space, and so on.
std::string decoded(const std::string& link) {
  std::string text;
  for (std::size_t i = 0; i < link.size(); ++i) {
    const std::string digits = link[i] == '%' ? link.substr(i + 1, 2) : "";
    if (digits.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos &&
        digits.size() == 2) {
      text += static_cast<char>(std::stoi(digits, nullptr, 16));
      i += 2;
    } else {
      text += link[i];
    }
  }
  return text;
}

// Where a link of the page leads within the site; nothing if it leads away or into the page itself.
std::optional<std::string> target(const std::filesystem::path& page, const std::string& link) {
  const std::string path = link.substr(0, link.find_first_of("#?"));
  if (path.empty() || path.find(':') != std::string::npos || path.front() == '/') return {};
  std::string found = (page.parent_path() / decoded(path)).lexically_normal().generic_string();
  if (found.starts_with("..")) return {};
  return found;
}

wq::Outcome crawl(const wq::Job& job) {
  const std::filesystem::path page{std::string(job.item)};
  std::ifstream file(page);
  if (!file) return wq::Outcome::fatal("there is no such page");
  const std::string text(std::istreambuf_iterator<char>{file}, {});
  static const std::regex link(R"re(<a\s(?:[^>]*\s)?href=["']([^"']*)["'])re", std::regex::icase);
  wq::Outcome outcome;
  std::size_t links = 0;
  std::set<std::string> dead;
  const auto begin = std::sregex_iterator(text.begin(), text.end(), link);
  for (auto each = begin; each != std::sregex_iterator(); ++each) {
    auto next = target(page, (*each)[1].str());
    if (!next) continue;
    ++links;
    std::error_code unreachable;
    if (!std::filesystem::exists(*next, unreachable)) {
      dead.insert(*next);
    } else if (next->ends_with(".html")) {
      outcome.follow_ups.push_back(wq::FollowUp::once(std::move(*next)));
    }
  }
  nlohmann::ordered_json result{{"links", links}};
  if (!dead.empty()) result["dead"] = dead;  // so that grep finds the pages to mend
  // The bytes of a link need not be UTF-8.
  outcome.result = result.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  outcome.result_is_json = true;
  return outcome;
}

}  // namespace

int main(int argc, char** argv) { return wq::worker_main(argc, argv, crawl); }
