#include <cstdint>
#include <limits>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "maintenance/heartbeat.h"

namespace wq::internal {
namespace {

constexpr std::int64_t kNowMs = 1'700'000'000'000;
constexpr std::int64_t kDeadAfterMs = 600'000;

std::string seen(std::int64_t at_ms) { return fmt::format(R"({{"seen_ms":{}}})", at_ms); }

TEST(SignOfLife, LastsForTenMinutes) {
  EXPECT_TRUE(is_alive(seen(kNowMs), kNowMs));
  EXPECT_TRUE(is_alive(seen(kNowMs - kDeadAfterMs + 1), kNowMs));
  EXPECT_FALSE(is_alive(seen(kNowMs - kDeadAfterMs), kNowMs));
  EXPECT_TRUE(is_alive(seen(kNowMs + 1), kNowMs)) << "the server's clock went back";
}

TEST(SignOfLife, IsNotWhatSomebodyElseWrote) {
  for (const char* text : {"", "{", "[]", "7", "{}", R"({"seen_ms":"1"})", R"({"seen_ms":1e400})",
                           R"({"seen_ms":null})"}) {
    EXPECT_FALSE(is_alive(text, kNowMs)) << text;
  }
}

TEST(SignOfLife, IsHeldAgainstTheClockWhateverTheNumber) {
  constexpr std::int64_t kLowest = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t kHighest = std::numeric_limits<std::int64_t>::max();
  EXPECT_FALSE(is_alive(seen(kLowest), kNowMs));
  EXPECT_TRUE(is_alive(seen(kHighest), kNowMs));
  EXPECT_TRUE(is_alive(seen(kNowMs), kLowest));
  EXPECT_FALSE(is_alive(seen(kLowest), kHighest));
}

}  // namespace
}  // namespace wq::internal
