// examples/crawl.cc: follow-ups with a key, in whole programs.
#include <cstddef>
#include <filesystem>
#include <string>

#include <fmt/format.h>

#include "e2e/programs.h"

namespace wq::test {
namespace {

constexpr std::size_t kPages = 235;

class Crawl : public ProgramTest {
 protected:
  // Pages in two folders; each links to eight others, back to the first, and into itself.
  Crawl() {
    std::filesystem::create_directory(path("even"));
    std::filesystem::create_directory(path("odd"));
    for (std::size_t i = 0; i < kPages; ++i) {
      std::string text = R"(<a href="#top">top</a> <a href="https://example.org/">away</a>)";
      text += fmt::format(R"(<a class="home" href="{}">home</a>)", link(i, 0));
      for (std::size_t k = 1; k <= 8; ++k) {
        text +=
            fmt::format(R"(<a href="{}?from={}#part">next</a>)", link(i, (i * 3 + k) % kPages), i);
      }
      file(page(i), text);
    }
  }

  static std::string page(std::size_t i) {
    if (i == 0) return "index.html";
    return fmt::format("{}/{}.html", i % 2 == 0 ? "even" : "odd", i);
  }
  static std::string link(std::size_t from, std::size_t to) {
    return (from == 0 ? "" : "../") + page(to);
  }

  [[nodiscard]] Process crawler() const {
    ProcessOptions options;
    options.folder = path("");
    return start({kCrawlProgram, "--queue", "q", "--concurrency", "4", "--lease", "1s"}, options);
  }
};

TEST_F(Crawl, OfPagesThatLinkInCirclesReadsEachOnce) {
  EXPECT_EQ(push_process({"--once", "q", "index.html"}).wait(), 0);
  Process killed = crawler();
  Process other = crawler();
  ASSERT_TRUE(eventually([this] { return counts().completed > 20; }));
  killed.kill();
  EXPECT_EQ(other.wait(), 0) << other.err();
  const Counts now = counts();
  EXPECT_EQ(now.pushed, kPages);
  EXPECT_EQ(now.completed, kPages);
  Words pages;
  for (std::size_t i = 0; i < kPages; ++i) pages.push_back(page(i));
  EXPECT_EQ(results(), exactly_once(pages, [](const std::string&) { return "9"; }));
}

}  // namespace
}  // namespace wq::test
