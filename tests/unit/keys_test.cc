#include "base/keys.h"

#include <set>
#include <stdexcept>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wq::internal {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string refusal_of(const std::string& queue) {
  try {
    const Keys keys(queue);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

TEST(QueueKeys, AreTheNameAndASuffix) {
  const Keys keys("jobs");
  EXPECT_EQ(keys.queue(), "jobs");
  EXPECT_EQ(keys[Key::ready], "jobs");
  EXPECT_EQ(keys[Key::processing], "jobs:processing");
  EXPECT_EQ(keys[Key::delayed], "jobs:delayed");
  EXPECT_EQ(keys[Key::dead], "jobs:dead");
  EXPECT_EQ(keys[Key::attempts], "jobs:attempts");
  EXPECT_EQ(keys[Key::crashes], "jobs:crashes");
  EXPECT_EQ(keys[Key::failures], "jobs:failures");
  EXPECT_EQ(keys[Key::results], "jobs:results");
  EXPECT_EQ(keys[Key::stats], "jobs:stats");
  EXPECT_EQ(keys[Key::fence], "jobs:fence");
  EXPECT_EQ(keys[Key::producers], "jobs:producers");
  EXPECT_EQ(keys[Key::workers], "jobs:workers");
  EXPECT_EQ(keys[Key::replays], "jobs:replays");
  EXPECT_EQ(keys[Key::reclaimer], "jobs:reclaimer");
  EXPECT_EQ(keys[Key::paused], "jobs:paused");
  EXPECT_EQ(keys[Key::seen], "jobs:seen");
  EXPECT_EQ(keys[Key::history], "jobs:history");
  EXPECT_EQ(keys.replay("0011"), "jobs:replay:0011");
  EXPECT_EQ(keys.pushing("0011"), "jobs:replay:0011:pushing");
}

TEST(QueueKeys, NameALeaseByTheHashOfItsItemAsRedisWqDoes) {
  EXPECT_EQ(Keys("job2").lease(hash_item("apple")),
            "job2:leased_by_session:b7bbfdf1a1012999b3c466fdeb906a629caa5e3e022428d1eb702281");
}

TEST(QueueKeys, AreToldFromThoseOfOthers) {
  const Keys keys("q");
  for (std::size_t i = 0; i < kKeyCount; ++i) EXPECT_TRUE(keys.owns(keys[static_cast<Key>(i)]));
  EXPECT_TRUE(keys.owns(keys.lease(hash_item("a"))));
  EXPECT_TRUE(keys.owns(keys.replay("0011")));
  EXPECT_TRUE(keys.owns(keys.pushing("0011")));
  for (const char* other : {"", "q2", "q2:dead", "q:deadly", "q:", "x:q", "qq:stats", "q:replay"}) {
    EXPECT_FALSE(keys.owns(other)) << other;
  }
}

TEST(QueueKeys, AreAllDifferent) {
  const Keys keys("q");
  std::set<std::string> names;
  for (std::size_t i = 0; i < kKeyCount; ++i) names.insert(keys[static_cast<Key>(i)]);
  EXPECT_EQ(names.size(), kKeyCount);
}

TEST(QueueKeys, AcceptOrdinaryNames) {
  for (const char* name : {"q", "jobs:high", "processing", "my queue", "dead:letters", "{jobs}",
                           "a:b:c", "q:leased", ":", "h\xc3\xa9"}) {
    EXPECT_EQ(refusal_of(name), "") << name;
  }
}

TEST(QueueKeys, RefuseAnEmptyName) { EXPECT_THAT(refusal_of(""), HasSubstr("empty")); }

TEST(QueueKeys, RefuseANameThatEndsInOneOfOurSuffixes) {
  for (const KeyKind& kind : kKeyKinds) {
    if (kind.suffix.empty()) continue;
    EXPECT_THAT(refusal_of("q" + std::string(kind.suffix)),
                AllOf(HasSubstr("'" + std::string(kind.suffix) + "'"), HasSubstr("choose another")))
        << kind.suffix;
  }
  EXPECT_NE(refusal_of(":dead"), "");
}

TEST(QueueKeys, RefuseANameThatHoldsALeaseOrAReplaySession) {
  EXPECT_THAT(refusal_of("q:leased_by_session:00"), HasSubstr(":leased_by_session:"));
  EXPECT_THAT(refusal_of("q:replay:00"), HasSubstr(":replay:"));
}

TEST(QueueKeys, RefuseTheKeyThatNamesTheQueues) {
  EXPECT_THAT(refusal_of("wq:queues"), HasSubstr("names of all queues"));
  EXPECT_EQ(refusal_of("wq"), "");
}

TEST(QueueKeys, FindAHashTagAsRedisDoes) {
  for (const char* name : {"{q}", "a{b}c", "{{b}", "x{a}{}"}) {
    EXPECT_TRUE(Keys(name).has_hash_tag()) << name;
  }
  for (const char* name : {"q", "{}", "{}{a}", "}{", "{q", "q}"}) {
    EXPECT_FALSE(Keys(name).has_hash_tag()) << name;
  }
}

}  // namespace
}  // namespace wq::internal
