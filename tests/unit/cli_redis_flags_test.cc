#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/options.h"
#include "cli/redis_flags.h"
#include "support/temporary_folder.h"
#include "unit/cli_environment.h"

namespace wq::cli {
namespace {

using testing::HasSubstr;

class RedisFlags : public testing::Test {
 protected:
  RedisFlags() {
    for (const char* name : {"WQ_REDIS", "REDIS_URL", "REDIS_SERVICE_HOST", "REDIS_SERVICE_PORT",
                             "REDIS_PORT", "REDISCLI_AUTH", "WQ_TEST_REDIS"}) {
      environment_.unset(name);
    }
  }

  static RedisOptions read(std::vector<const char*> words) {
    words.insert(words.begin(), "test");
    RedisOptions redis;
    Options options{{"test", "WQ_TEST_", "test", "", ""}};
    add_redis_options(options, redis);
    EXPECT_TRUE(options.parse(static_cast<int>(words.size()), words.data()));
    check_redis_options(redis);
    return redis;
  }

  test::Environment environment_;
};

TEST_F(RedisFlags, SayLocalhostWhenNothingElseDoes) {
  EXPECT_EQ(read({}).url, "redis://localhost:6379/0");
}

TEST_F(RedisFlags, TakeTheFirstThatIsSetAlongTheChain) {
  environment_.set("REDIS_SERVICE_HOST", "10.0.0.1");
  EXPECT_EQ(read({}).url, "redis://10.0.0.1:6379/0");
  environment_.set("REDIS_SERVICE_PORT", "6380");
  EXPECT_EQ(read({}).url, "redis://10.0.0.1:6380/0");
  environment_.set("REDIS_URL", "redis://third");
  EXPECT_EQ(read({}).url, "redis://third");
  environment_.set("WQ_REDIS", "redis://second");
  EXPECT_EQ(read({}).url, "redis://second");
  environment_.set("WQ_TEST_REDIS", "redis://program");
  EXPECT_EQ(read({}).url, "redis://program");
  EXPECT_EQ(read({"--redis", "redis://first"}).url, "redis://first");
}

TEST_F(RedisFlags, PassOverVariablesThatAreEmpty) {
  environment_.set("WQ_REDIS", "");
  environment_.set("REDIS_URL", "redis://url");
  EXPECT_EQ(read({}).url, "redis://url");
}

TEST_F(RedisFlags, NeverReadRedisPortWhichKubernetesSetsToAUrl) {
  environment_.set("REDIS_PORT", "tcp://10.0.0.1:6379");
  EXPECT_EQ(read({}).url, "redis://localhost:6379/0");
}

TEST_F(RedisFlags, PutAnAddressOfTheSixthVersionIntoBrackets) {
  environment_.set("REDIS_SERVICE_HOST", "fd00::1");
  EXPECT_EQ(read({}).url, "redis://[fd00::1]:6379/0");
}

TEST_F(RedisFlags, RefuseAServicePortThatIsNone) {
  environment_.set("REDIS_SERVICE_HOST", "10.0.0.1");
  environment_.set("REDIS_SERVICE_PORT", "tcp://10.0.0.1:6379");
  try {
    (void)read({});
    FAIL() << "accepted";
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), HasSubstr("$REDIS_SERVICE_PORT: 'tcp://10.0.0.1:6379' is not"));
  }
}

TEST_F(RedisFlags, TakeThePasswordFromTheVariableOfRedisCli) {
  environment_.set("REDISCLI_AUTH", "secret");
  EXPECT_EQ(read({}).password, "secret");
  EXPECT_EQ(read({}).password_file, "");
}

TEST_F(RedisFlags, PreferAPasswordFileThatWasNamed) {
  const test::TemporaryFolder folder;
  const std::string file = folder.file("password", "other\n");
  environment_.set("REDISCLI_AUTH", "secret");
  const RedisOptions redis = read({"--password-file", file.c_str()});
  EXPECT_EQ(redis.password, "");
  EXPECT_EQ(redis.password_file, file);
}

TEST_F(RedisFlags, RefuseAPasswordFileThatIsMissing) {
  try {
    (void)read({"--password-file", "/nonexistent/password"});
    FAIL() << "accepted";
  } catch (const UsageError& error) {
    EXPECT_STREQ(error.what(),
                 "--password-file: cannot read '/nonexistent/password': No such file or directory");
  }
}

TEST(RedisUrlInTheLog, HasNoUserAndNoPassword) {
  EXPECT_EQ(without_password("redis://user:secret@host:6379/0"), "redis://***@host:6379/0");
  EXPECT_EQ(without_password("redis://:secret@host"), "redis://***@host");
  EXPECT_EQ(without_password("unix://user:secret@/run/redis.sock?db=1"),
            "unix://***@/run/redis.sock?db=1");
}

TEST(RedisUrlInTheLog, HidesAPasswordWhoseSlashWasNotEncoded) {
  EXPECT_EQ(without_password("redis://user:sec/ret@host"), "redis://***@host");
}

TEST(RedisUrlInTheLog, IsOtherwiseAsItIs) {
  EXPECT_EQ(without_password("redis://localhost:6379/0"), "redis://localhost:6379/0");
  EXPECT_EQ(without_password("unix:///run/a@b.sock"), "unix:///run/a@b.sock");
}

}  // namespace
}  // namespace wq::cli
