#include "process/output_relay.h"

#include <cerrno>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "unit/our_stdout.h"

namespace wq::internal {
namespace {

// What comes out while `speak` runs.
template <typename Speak>
std::string heard(Speak speak, StderrMode mode = StderrMode::lines) {
  ::testing::internal::CaptureStderr();
  StderrRelay relay({.stderr_mode = mode, .item = "item"});
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

TEST(StderrRelay, CutsBeforeACharacterOfWhichOnlyTheBeginningWasRead) {
  const std::string lines = heard([](StderrRelay& relay) {
    relay.add(std::string(65'535, 'x') + "\xe2\x82");
    relay.add("\xac\n");
  });
  EXPECT_EQ(lines.substr(65'535), "\n\xe2\x82\xac\n");
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

TEST(StderrRelay, PutsTheSlotBeforeLinesOfAProcessWithManyItems) {
  ::testing::internal::CaptureStderr();
  StderrRelay relay({.tag = true, .slot = 3});
  relay.add("one\n\ntwo");
  relay.end();
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "slot 3\tone\nslot 3\t\nslot 3\ttwo\n");
}

// What is written by then.
std::string printed(const OutputOrigin& from, const std::vector<std::string>& pieces) {
  ::testing::internal::CaptureStdout();
  StdoutRelay relay(from);
  for (const std::string& piece : pieces) {
    relay.add(piece);
    EXPECT_EQ(relay.write(), 0);
  }
  return ::testing::internal::GetCapturedStdout();
}

TEST(StdoutRelay, PassesOnWholeLinesOnly) {
  EXPECT_EQ(printed({}, {"one\ntw", "o", "\n\nthree"}), "one\ntwo\n\n");
}

TEST(StdoutRelay, PassesOnEveryByteAtOnceIfAsked) {
  EXPECT_EQ(printed({.stdout_at_once = true}, {"10 %\r", "20 %"}), "10 %\r20 %");
}

TEST(StdoutRelay, AddsNothingToALastLineWithoutAnEnd) {
  ::testing::internal::CaptureStdout();
  StdoutRelay relay{{}};
  relay.add("no end");
  relay.end();
  EXPECT_EQ(relay.write(), 0);
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "no end");
}

TEST(StdoutRelay, DoesNotWaitForALineEndForEver) {
  const std::string bytes(200'000, '\x80');
  EXPECT_GE(printed({}, {bytes}).size(), 200'000U - 65'536U);
}

TEST(StdoutRelay, TagsLinesWithTheItemInAFormThatIsSeen) {
  const std::string item = "a\tb" + std::string(300, 'x');
  const std::string tag = "a\\x09b" + std::string(197, 'x') + "... (303 bytes)\t";
  EXPECT_EQ(printed({.tag = true, .item = item}, {"one\n\n"}), tag + "one\n" + tag + "\n");
}

TEST(StdoutRelay, NeverWaitsForWhoReads) {
  const test::OurStdout out;
  StdoutRelay relay{{}};
  const std::string lines(1'000'000, '\n');
  relay.add(lines);
  EXPECT_EQ(relay.write(), 0);
  EXPECT_TRUE(relay.is_full());
  std::string read;
  while (relay.is_full()) {
    read += out.read(4096);
    EXPECT_EQ(relay.write(), 0);
  }
  EXPECT_TRUE(read + out.read(lines.size() - read.size()) == lines);
}

TEST(StdoutRelay, IsNotWithinALineOfAnother) {
  const test::OurStdout out;
  const std::string line = std::string(100'000, 'x') + '\n';
  StdoutRelay other{{}};
  {
    StdoutRelay relay{{}};
    relay.add(line);
    other.add("other\n");
    EXPECT_EQ(relay.write(), 0);  // not all of it
    std::string read = out.read(65'536);
    EXPECT_EQ(other.write(), 0);
    EXPECT_TRUE(other.is_full());
    EXPECT_EQ(relay.write(), 0);
    EXPECT_FALSE(relay.is_full());
    EXPECT_EQ(other.write(), 0);
    read += out.read(line.size() - read.size());
    EXPECT_TRUE(read == line);
    EXPECT_EQ(out.read(6), "other\n");
    relay.add(line);
    EXPECT_EQ(relay.write(), 0);
    out.read(65'536);
  }
  // What is dropped in the middle of a line stands in nobody's way.
  other.add("other\n");
  EXPECT_EQ(other.write(), 0);
  EXPECT_EQ(out.read(6), "other\n");
}

TEST(StdoutRelay, SaysWhyStdoutCannotBeWritten) {
  const test::OurStdout out;
  out.close_reader();
  StdoutRelay relay{{}};
  relay.add("one\n");
  EXPECT_EQ(relay.write(), EPIPE);
  EXPECT_FALSE(relay.is_full());
}

}  // namespace
}  // namespace wq::internal
