// docs/pipelines.md and examples/wordcount, beside straight counts.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include <nlohmann/json.hpp>

#include "e2e/programs.h"

namespace wq::test {
namespace {

using namespace std::string_literals;

constexpr std::size_t kFilms = 100'000;

using Totals = std::map<std::string, std::size_t>;

class Pipeline : public ProgramTest {
 protected:
  [[nodiscard]] Totals totals() const {
    Totals sums;
    for (const std::string& line : lines(ctl({"totals", "q", "--json"}))) {
      const auto json = nlohmann::json::parse(line);
      sums[json.at("key")] = json.at("sum");
    }
    return sums;
  }
};

class WordCount : public Pipeline {
 protected:
  const std::string folder_of_texts_ = path("texts");

  /// Twenty copies of each licence of this system.
  void copy_texts() {
    namespace fs = std::filesystem;
    fs::create_directory(folder_of_texts_);
    for (const auto& each : fs::directory_iterator("/usr/share/common-licenses")) {
      if (!each.is_regular_file()) continue;  // others are links to these
      for (int copy = 0; copy < 20; ++copy) {
        fs::copy_file(each.path(), folder_of_texts_ + "/" + each.path().filename().string() + "." +
                                       std::to_string(copy));
      }
    }
  }

  [[nodiscard]] Totals straight_count() const {
    Process all = start({"sh", "-c", R"(cat "$1"/* >"$2" && "$3" "$2")", "_", folder_of_texts_,
                         path("all"), kExamples + "/wordcount"s});
    EXPECT_EQ(all.wait(), 0);
    Totals words;
    for (const std::string& line : lines(all.out())) {
      const std::size_t tab = line.find('\t');
      words[line.substr(0, tab)] = std::stoul(line.substr(tab + 1));
    }
    return words;
  }
};

TEST_F(WordCount, OfManyTextsIsThatOfOneTextAlthoughAWorkerIsKilled) {
  copy_texts();
  Process push = push_process({"q", folder_of_texts_ + "/*"});
  ASSERT_EQ(push.wait(), 0) << push.err();
  const Words options{"--reduce", "sum", "--lease", "1s", "--concurrency", "2"};
  const Words command{kExamples + "/wordcount"s, "{}"};
  Process victim = worker(options, command);
  ASSERT_TRUE(eventually([this] { return counts().completed >= 30; }));
  victim.kill();
  EXPECT_EQ(work(options, command), 0);
  EXPECT_EQ(totals(), straight_count());
}

class FilmGenres : public Pipeline {
 protected:
  /// Of a film: none, one, two or three genres, by its number.
  static Words genres_of(std::size_t film) {
    static const Words kAll{"Action", "Comedy", "Crime", "Drama", "Film-Noir", "Horror", "Sci-Fi"};
    Words genres;
    for (std::size_t i = 0; i < film % 4; ++i) {
      genres.push_back(kAll[(film / 4 + i * i + i) % kAll.size()]);
    }
    return genres;
  }

  /// Half of the films without a genre have an empty field, as IMDb's \N, and the others none.
  void fill() {
    internal::CommandBuffer calls;
    for (std::size_t film = 0; film < kFilms; ++film) {
      const std::string key = "title:" + std::to_string(film);
      std::string genres;
      for (const std::string& each : genres_of(film)) genres += (genres.empty() ? "" : ",") + each;
      if (genres.empty()) genres = film % 8 == 0 ? "\\N" : "";
      calls.begin(6);
      for (const std::string& word : {"HSET"s, key, "primaryTitle"s, key, "genres"s, genres}) {
        calls.arg(word);
      }
    }
    redis_.connection().send(calls);
    for (std::size_t film = 0; film < kFilms; ++film) {
      static_cast<void>(redis_.connection().receive());
    }
  }

  [[nodiscard]] static Totals straight_count() {
    Totals films;
    for (std::size_t film = 0; film < kFilms; ++film) {
      for (const std::string& genre : genres_of(film)) ++films[genre];
    }
    return films;
  }

  /// Of the system, since the client library is a package of it.
  [[nodiscard]] Process counting_worker() const {
    return worker({"--coprocess", "--batch", "200", "--reduce", "sum", "--pass-redis", "--lease",
                   "1s", "--max-crashes", "1000"},
                  {"/usr/bin/python3", kExamples + "/film_genres.py"s});
  }
};

TEST_F(FilmGenres, OfAHundredThousandHashesAreThoseOfAStraightCountAlthoughWorkersAreKilled) {
  fill();
  Process push = push_process({"q", "--from-keys", "title:*"});
  ASSERT_EQ(push.wait(), 0) << push.err();
  Process survivor = counting_worker();
  for (const std::uint64_t done : {10'000U, 30'000U, 50'000U}) {
    Process victim = counting_worker();
    ASSERT_TRUE(eventually([&] { return counts().completed >= done && counts().processing > 0; },
                           std::chrono::seconds{120}));
    victim.kill();
  }
  EXPECT_EQ(survivor.wait(), 0) << survivor.err();
  EXPECT_EQ(counts().completed, kFilms);
  EXPECT_EQ(totals(), straight_count());
}

}  // namespace
}  // namespace wq::test
