// docs/pipelines.md: the example of RedisGears, beside a straight count.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include <nlohmann/json.hpp>

#include "e2e/programs.h"

namespace wq::test {
namespace {

using namespace std::string_literals;

constexpr std::size_t kFilms = 100'000;

class FilmGenres : public ProgramTest {
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

  [[nodiscard]] static std::map<std::string, std::size_t> straight_count() {
    std::map<std::string, std::size_t> films;
    for (std::size_t film = 0; film < kFilms; ++film) {
      for (const std::string& genre : genres_of(film)) ++films[genre];
    }
    return films;
  }

  [[nodiscard]] std::map<std::string, std::size_t> totals() const {
    std::map<std::string, std::size_t> films;
    for (const std::string& line : lines(ctl({"totals", "q", "--json"}))) {
      const auto json = nlohmann::json::parse(line);
      films[json.at("key")] = json.at("sum");
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
