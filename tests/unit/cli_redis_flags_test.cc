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
    Options options{{.name = "test", .env_prefix = "WQ_TEST_"}};
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

TEST_F(RedisFlags, TakeAnyCertificateOnlyIfTheCommandLineSaysSoAndWarnEachTime) {
  testing::internal::CaptureStderr();
  EXPECT_TRUE(read({"--redis", "rediss://host", "--tls-insecure"}).tls.insecure);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("is not checked"));
  environment_.set("WQ_TEST_TLS_INSECURE", "1");
  EXPECT_FALSE(read({"--redis", "rediss://host"}).tls.insecure);
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

TEST(RedisUrlForOthers, HasTheUserAndNoPassword) {
  EXPECT_EQ(url_for_others("redis://user:secret@host:6379/0"), "redis://user@host:6379/0");
  EXPECT_EQ(url_for_others("rediss://:secret@host"), "rediss://host");
  EXPECT_EQ(url_for_others("redis://user@host"), "redis://user@host");
  EXPECT_EQ(url_for_others("unix://user:secret@/run/redis.sock?db=1"),
            "unix://user@/run/redis.sock?db=1");
  EXPECT_EQ(url_for_others("unix://:secret@/run/a@b.sock"), "unix:///run/a@b.sock");
}

TEST(RedisUrlForOthers, HasNoPieceOfAPasswordThatWasNotEncoded) {
  for (const char* url : {"redis://user:secret/@secret@host", "redis://user:secret/secret@host",
                          "redis://user:secret@secret/secret@host", "redis://:secret?x=secret@host",
                          "unix://user:secret/secret@/run/s"}) {
    EXPECT_THAT(url_for_others(url), testing::Not(HasSubstr("secret"))) << url;
  }
}

TEST(RedisUrlForOthers, IsOtherwiseAsItIs) {
  for (const char* text :
       {"redis://localhost:6379/0", "unix:///run/a@b.sock", "me@example.org", ""}) {
    EXPECT_EQ(url_for_others(text), text);
  }
}

TEST(CommandLines, HideThePasswordOfAUrlWhereEverybodyCanReadIt) {
  std::vector<std::string> words{"prog",          "--redis=redis://u:secret@host/1",
                                 "redis://h/0",   "unix://:secret@/s",
                                 "me@a://b@c",    "--",
                                 "redis://:own@h"};
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  const CommandLine line(static_cast<int>(argv.size()), argv.data());
  EXPECT_EQ(line.size(), 7);
  EXPECT_STREQ(line.words()[1], "--redis=redis://u:secret@host/1");
  EXPECT_STREQ(line.words()[6], "redis://:own@h");
  EXPECT_EQ(line.words()[7], nullptr);
  EXPECT_STREQ(argv[1], "--redis=redis://***@host/1");
  EXPECT_EQ(words[1].find("secret"), std::string::npos);
  EXPECT_STREQ(argv[2], "redis://h/0");
  EXPECT_STREQ(argv[3], "unix://***@/s");
  EXPECT_STREQ(argv[4], "me@a://b@c");
  EXPECT_STREQ(argv[6], "redis://:own@h") << "what stands behind the dashes is the command's";
}

TEST(RedisUrlInTheLog, IsOtherwiseAsItIs) {
  EXPECT_EQ(without_password("redis://localhost:6379/0"), "redis://localhost:6379/0");
  EXPECT_EQ(without_password("unix:///run/a@b.sock"), "unix:///run/a@b.sock");
}

}  // namespace
}  // namespace wq::cli
