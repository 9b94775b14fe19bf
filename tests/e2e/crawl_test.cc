// examples/crawl.cc: follow-ups with a key, in whole programs.
#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <map>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include "e2e/programs.h"

namespace wq::test {
namespace {

constexpr std::size_t kPages = 235;
constexpr const char* kManual = "/usr/share/doc/rsyslog-doc/html";

// Without a queue and with a parser of HTML: the first page, then what it links to, and so on. A
// line for each page, as `wqctl results` prints it.
constexpr const char* kStraightCrawl = R"(
import html.parser, json, os, posixpath, urllib.parse

class Links(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found += [value for name, value in attributes if tag == "a" and name == "href" and value]

pages = ["index.html"]
for page in pages:
    links, dead = 0, set()
    with open(page, encoding="utf-8", errors="replace") as file:
        for link in Links(file.read()).found:
            parts = urllib.parse.urlsplit(link)
            if parts.scheme or not parts.path or parts.path.startswith("/"):
                continue
            path = posixpath.normpath(posixpath.join(posixpath.dirname(page), urllib.parse.unquote(parts.path)))
            if path.startswith(".."):
                continue
            links += 1
            if not os.path.exists(path):
                dead.add(path)
            elif path.endswith(".html") and path not in pages:
                pages.append(path)
    result = {"links": links, "dead": sorted(dead)} if dead else {"links": links}
    print(json.dumps({"item": page, "result": result}))
)";

/// The site lies in the folder of the test.
class Crawl : public ProgramTest {
 protected:
  using Pages = std::multimap<std::string, nlohmann::json>;

  [[nodiscard]] Process crawler(const Words& options = {}) const {
    return start(Words{kCrawlProgram, "--queue", "q", "--lease", "1s"} + options, in_site());
  }

  [[nodiscard]] ProcessOptions in_site() const {
    ProcessOptions options;
    options.folder = path("");
    return options;
  }

  [[nodiscard]] static Pages read(const std::string& json_lines) {
    Pages pages;
    for (const std::string& line : lines(json_lines)) {
      const auto json = nlohmann::json::parse(line);
      pages.emplace(json.at("item"), json.at("result"));
    }
    return pages;
  }
};

class CrawlOfCircles : public Crawl {
 protected:
  // Pages in two folders; each links to eight others, back to the first, and into itself. Some have
  // a dead link, twice.
  CrawlOfCircles() {
    std::filesystem::create_directory(path("even"));
    std::filesystem::create_directory(path("odd"));
    for (std::size_t i = 0; i < kPages; ++i) {
      std::string text = R"(<a href="#top">top</a> <a href="https://example.org/">away</a>)";
      text += fmt::format(R"(<a class="home" href="{}">home</a>)", link(i, 0));
      for (std::size_t k = 1; k <= 8; ++k) {
        text +=
            fmt::format(R"(<a href="{}?from={}#part">next</a>)", link(i, (i * 3 + k) % kPages), i);
      }
      if (has_dead_link(i))
        text += "<a href='all%20gone.html'></a><a href='all%20gone.html#x'></a>";
      file(page(i), text);
    }
  }

  static bool has_dead_link(std::size_t i) { return i % 50 == 7; }
  static std::string page(std::size_t i) {
    if (i == 0) return "index.html";
    return fmt::format("{}/{}.html", i % 2 == 0 ? "even" : "odd", i);
  }
  static std::string link(std::size_t from, std::size_t to) {
    return (from == 0 ? "" : "../") + page(to);
  }
};

TEST_F(CrawlOfCircles, ReadsEachPageOnceAlthoughAWorkerIsKilled) {
  EXPECT_EQ(push_process({"--once", "q", "index.html"}).wait(), 0);
  Process killed = crawler({"--concurrency", "4"});
  Process other = crawler({"--concurrency", "4"});
  ASSERT_TRUE(eventually([this] { return counts().completed > 20; }));
  killed.kill();
  EXPECT_EQ(other.wait(), 0) << other.err();
  const Counts now = counts();
  EXPECT_EQ(now.pushed, kPages);
  EXPECT_EQ(now.completed, kPages);
  Pages expected;
  for (std::size_t i = 0; i < kPages; ++i) {
    nlohmann::json result{{"links", has_dead_link(i) ? 11 : 9}};
    if (has_dead_link(i)) {
      result["dead"] = {(i % 2 == 0 ? "even" : "odd") + std::string("/all gone.html")};
    }
    expected.emplace(page(i), result);
  }
  EXPECT_EQ(read(ctl({"results", "q"})), expected);
}

class CrawlOfAManual : public Crawl {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kManual)) {
      GTEST_SKIP() << "a manual is missing; scripts/install-deps --test installs rsyslog-doc";
    }
    Process copy = start({"cp", "-rs", kManual + std::string("/."), path("")});
    ASSERT_EQ(copy.wait(), 0) << copy.err();
  }
};

TEST_F(CrawlOfAManual, FindsThePagesAndDeadLinksOfAStraightCrawlAlthoughWorkersAreKilled) {
  Process straight = start({"python3", "-c", kStraightCrawl}, in_site());
  ASSERT_EQ(straight.wait(), 0) << straight.err();
  const Pages expected = read(straight.out());
  ASSERT_GT(expected.size(), 250U);
  EXPECT_TRUE(std::any_of(expected.begin(), expected.end(),
                          [](const auto& page) { return page.second.contains("dead"); }));

  // Nobody writes to the pipe, so a worker that reads this page is killed while it does.
  const std::string second = nlohmann::json::parse(lines(straight.out()).at(1)).at("item");
  std::filesystem::rename(path(second), path("kept"));
  ASSERT_EQ(::mkfifo(path(second).c_str(), 0600), 0);
  EXPECT_EQ(push_process({"--once", "q", "index.html"}).wait(), 0);
  {
    Process one = crawler({"--concurrency", "2"});
    Process two = crawler({"--concurrency", "2"});
    ASSERT_TRUE(eventually([&] { return counts().completed >= expected.size() / 3; }));
    one.kill();
    two.kill();
  }
  EXPECT_GE(counts().processing, 1U);
  EXPECT_LT(counts().completed, expected.size());
  std::filesystem::rename(path("kept"), path(second));

  Process three = crawler({"--concurrency", "2"});
  Process four = crawler({"--concurrency", "2"});
  Process victim = crawler({"--concurrency", "2"});
  ASSERT_TRUE(eventually([&] { return counts().completed >= expected.size() * 2 / 3; }));
  victim.kill();
  EXPECT_EQ(three.wait(), 0) << three.err();
  EXPECT_EQ(four.wait(), 0) << four.err();
  EXPECT_EQ(counts().completed, expected.size());
  EXPECT_EQ(read(ctl({"results", "q"})), expected);
}

}  // namespace
}  // namespace wq::test
