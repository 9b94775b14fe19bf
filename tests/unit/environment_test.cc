// RedisOptions::from_environment: the rule of the programs, for whoever links the library. The
// chain itself is tested with the programs' options.
#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <wq/redis_options.h>

#include "unit/cli_environment.h"

namespace wq::test {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

class FromEnvironment : public ::testing::Test {
 protected:
  FromEnvironment() {
    for (const char* name : {"WQ_REDIS", "REDIS_URL", "REDIS_SERVICE_HOST", "REDIS_SERVICE_PORT",
                             "REDIS_PORT", "REDISCLI_AUTH"}) {
      environment_.unset(name);
    }
  }

  Environment environment_;
};

TEST_F(FromEnvironment, NothingIsWhatTheOptionsAreAnyway) {
  EXPECT_EQ(RedisOptions::from_environment().url, RedisOptions{}.url);
  EXPECT_EQ(RedisOptions::from_environment().password, "");
}

TEST_F(FromEnvironment, TheUrlAndThePasswordAreThoseOfThePrograms) {
  environment_.set("REDIS_SERVICE_HOST", "10.0.0.1");
  EXPECT_EQ(RedisOptions::from_environment().url, "redis://10.0.0.1:6379/0");
  environment_.set("REDIS_URL", "redis://second");
  EXPECT_EQ(RedisOptions::from_environment().url, "redis://second");
  environment_.set("WQ_REDIS", "rediss://first");
  environment_.set("REDISCLI_AUTH", "secret");
  EXPECT_EQ(RedisOptions::from_environment().url, "rediss://first");
  EXPECT_EQ(RedisOptions::from_environment().password, "secret");
}

TEST_F(FromEnvironment, APortThatIsNoneIsNamed) {
  environment_.set("REDIS_SERVICE_HOST", "10.0.0.1");
  for (const char* port : {"tcp://10.0.0.1:6379", "0", "65536", "-1", "1x"}) {
    environment_.set("REDIS_SERVICE_PORT", port);
    EXPECT_THAT([] { static_cast<void>(RedisOptions::from_environment()); },
                ThrowsMessage<std::invalid_argument>(HasSubstr("$REDIS_SERVICE_PORT: '")))
        << port;
  }
}

}  // namespace
}  // namespace wq::test
