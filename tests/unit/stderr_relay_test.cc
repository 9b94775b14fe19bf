#include "stderr_relay.h"

#include <string>

#include <gtest/gtest.h>

namespace wq::internal {
namespace {

// What comes out while `speak` runs.
template <typename Speak>
std::string heard(Speak speak, StderrMode mode = StderrMode::lines) {
  ::testing::internal::CaptureStderr();
  StderrRelay relay({mode, 0, "item"});
  speak(relay);
  return ::testing::internal::GetCapturedStderr();
}

TEST(StderrRelay, PassesOnWholeLinesOnly) {
  EXPECT_EQ(heard([](StderrRelay& relay) { relay.add("one\ntw"); }), "one\n");
  EXPECT_EQ(heard([](StderrRelay& relay) {
              relay.add("one\ntw");
              relay.add("o");
              relay.add("\n\nthree");
            }),
            "one\ntwo\n\n");
}

TEST(StderrRelay, EndsTheLastLineItself) {
  EXPECT_EQ(heard([](StderrRelay& relay) {
              relay.add("no end");
              relay.end();
              relay.end();
            }),
            "no end\n");
  EXPECT_EQ(heard([](StderrRelay& relay) {
              relay.add("an end\n");
              relay.end();
            }),
            "an end\n");
}

TEST(StderrRelay, CutsALineWithoutAnEndBetweenTwoCharacters) {
  std::string speech(65'535, 'x');
  for (int i = 0; i < 50'000; ++i) speech += "é";
  const std::string lines = heard([&](StderrRelay& relay) {
    for (std::size_t at = 0; at < speech.size(); at += 1'000) relay.add(speech.substr(at, 1'000));
    relay.end();
  });
  EXPECT_EQ(lines.find('\n'), 65'535U);
  std::string without_ends = lines;
  std::erase(without_ends, '\n');
  EXPECT_EQ(without_ends, speech);
  EXPECT_EQ(lines.size() - without_ends.size(), 3U);
}

TEST(StderrRelay, CutsWhatIsNoTextAnywhere) {
  const std::string speech(200'000, '\x80');
  const std::string lines = heard([&](StderrRelay& relay) { relay.add(speech); });
  EXPECT_EQ(lines.find('\n'), 65'536U);
}

TEST(StderrRelay, PassesOnEveryByteAtOnceIfAsked) {
  EXPECT_EQ(heard(
                [](StderrRelay& relay) {
                  relay.add("10 %\r20 %");
                  relay.end();
                },
                StderrMode::raw),
            "10 %\r20 %");
}

}  // namespace
}  // namespace wq::internal
