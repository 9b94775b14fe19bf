#include "base/url.h"

#include <stdexcept>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "redis/endpoint.h"

namespace wq::internal {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string url_refusal(const std::string& url) {
  try {
    static_cast<void>(parse_url(url));
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

TEST(RedisUrls, OfAHost) {
  const RedisUrl url = parse_url("redis://cache.example");
  EXPECT_FALSE(url.tls);
  EXPECT_EQ(url.host, "cache.example");
  EXPECT_EQ(url.port, 6'379);
  EXPECT_EQ(url.database, 0);
  EXPECT_EQ(url.user, "");
  EXPECT_EQ(url.password, "");
  EXPECT_EQ(url.socket_path, "");
}

TEST(RedisUrls, WithEverything) {
  const RedisUrl url = parse_url("rediss://user:pass@host:7000/12");
  EXPECT_TRUE(url.tls);
  EXPECT_EQ(url.host, "host");
  EXPECT_EQ(url.port, 7'000);
  EXPECT_EQ(url.database, 12);
  EXPECT_EQ(url.user, "user");
  EXPECT_EQ(url.password, "pass");
}

TEST(RedisUrls, MayHaveAnEmptyPath) {
  EXPECT_EQ(parse_url("redis://host/").database, 0);
  EXPECT_EQ(parse_url("redis://host:1/").port, 1);
}

TEST(RedisUrls, WithoutAHostMeanThisMachine) {
  EXPECT_EQ(parse_url("redis://").host, "localhost");
  EXPECT_EQ(parse_url("redis://:pass@:7000/1").host, "localhost");
}

TEST(RedisUrls, OfAnIpv6Address) {
  EXPECT_EQ(parse_url("redis://[::1]").host, "::1");
  const RedisUrl url = parse_url("redis://u:p@[fe80::1]:7000/3");
  EXPECT_EQ(url.host, "fe80::1");
  EXPECT_EQ(url.port, 7'000);
  EXPECT_EQ(url.database, 3);
}

TEST(RedisUrls, OfASocket) {
  const RedisUrl url = parse_url("unix:///run/redis/s?db=4");
  EXPECT_EQ(url.host, "");
  EXPECT_EQ(url.socket_path, "/run/redis/s");
  EXPECT_EQ(url.database, 4);
  EXPECT_EQ(parse_url("unix://u:p@/s").user, "u");
  EXPECT_EQ(parse_url("unix://u:p@/s").password, "p");
  EXPECT_EQ(parse_url("unix:///a%20b").socket_path, "/a b");
  EXPECT_EQ(parse_url("unix:///home/me@work/s").socket_path, "/home/me@work/s");
}

TEST(RedisUrls, WithAnEncodedLogin) {
  const RedisUrl url = parse_url("redis://us%3Aer:p%40ss%2f%25@host");
  EXPECT_EQ(url.user, "us:er");
  EXPECT_EQ(url.password, "p@ss/%");
  EXPECT_EQ(parse_url("redis://:%00@host").password, std::string("\0", 1));
}

TEST(RedisUrls, WithAUserOrAPasswordOnly) {
  EXPECT_EQ(parse_url("redis://user@host").user, "user");
  EXPECT_EQ(parse_url("redis://user@host").password, "");
  EXPECT_EQ(parse_url("redis://:pass@host").user, "");
  EXPECT_EQ(parse_url("redis://:pass@host").password, "pass");
}

TEST(RedisUrls, WithSignsInThePasswordThatAreUnmistakable) {
  EXPECT_EQ(parse_url("redis://:a@b:c?d@host").password, "a@b:c?d");
  EXPECT_EQ(parse_url("redis://:a@b:c?d@host").host, "host");
}

TEST(RedisUrls, ThatCannotBeReadSayWhy) {
  EXPECT_THAT(url_refusal(""), HasSubstr("redis://"));
  EXPECT_THAT(url_refusal("localhost:6379"), HasSubstr("must begin with"));
  EXPECT_THAT(url_refusal("http://host"), HasSubstr("must begin with"));
  EXPECT_THAT(url_refusal("REDIS://host"), HasSubstr("must begin with"));
  for (const char* url : {"redis://host:x", "redis://host:0", "redis://host:65536",
                          "redis://host:-1", "redis://host:12x", "redis://host:"}) {
    EXPECT_THAT(url_refusal(url), HasSubstr("port")) << url;
  }
  for (const char* url : {"redis://host/x", "redis://host/-1", "redis://host/1/2", "unix:///s?db=x",
                          "redis://host/99999999999"}) {
    EXPECT_THAT(url_refusal(url), HasSubstr("database")) << url;
  }
  EXPECT_THAT(url_refusal("redis://[::1"), HasSubstr("IPv6"));
  EXPECT_THAT(url_refusal("redis://[::1]x"), HasSubstr("]"));
  EXPECT_THAT(url_refusal("redis://a%4@host"), HasSubstr("%"));
  EXPECT_THAT(url_refusal("redis://a%zz@host"), HasSubstr("%"));
  EXPECT_THAT(url_refusal("unix://s"), HasSubstr("'/'"));
  EXPECT_THAT(url_refusal("unix:///s?x=1"), HasSubstr("db=N"));
}

TEST(RedisUrls, OfSentinelsNameThemAndThePrimary) {
  const RedisUrl url = parse_url("redis+sentinel://u:p%40@s1:26380,s2,[::1]:7/shop/3");
  EXPECT_FALSE(url.tls);
  EXPECT_EQ(url.user, "u");
  EXPECT_EQ(url.password, "p@");
  EXPECT_EQ(url.primary, "shop");
  EXPECT_EQ(url.database, 3);
  EXPECT_EQ(url.host, "");
  ASSERT_EQ(url.sentinels.size(), 3U);
  EXPECT_EQ(url.sentinels[0].host, "s1");
  EXPECT_EQ(url.sentinels[0].port, 26380);
  EXPECT_EQ(url.sentinels[1].host, "s2");
  EXPECT_EQ(url.sentinels[1].port, 26379);
  EXPECT_EQ(url.sentinels[2].host, "::1");
  EXPECT_EQ(url.sentinels[2].port, 7);
  EXPECT_TRUE(parse_url("rediss+sentinel://s1/shop").tls);
  EXPECT_EQ(parse_url("redis+sentinel://s1/shop").database, 0);
}

TEST(RedisUrls, OfSentinelsNeedThemAndTheName) {
  for (const char* url :
       {"redis+sentinel://s1", "redis+sentinel://s1/", "redis+sentinel://s1//2"}) {
    EXPECT_THAT(url_refusal(url), HasSubstr("the name of the primary is missing")) << url;
  }
  for (const char* url :
       {"redis+sentinel:///shop", "redis+sentinel://s1,,s2/shop", "redis+sentinel://s1,/shop"}) {
    EXPECT_THAT(url_refusal(url), HasSubstr("the host of a sentinel is missing")) << url;
  }
  EXPECT_THAT(url_refusal("redis+sentinel://s1:x/shop"), HasSubstr("port"));
  EXPECT_THAT(url_refusal("redis+sentinel://s1/shop/x"), HasSubstr("database"));
}

TEST(RedisUrls, ThatCannotBeReadDoNotShowTheirPassword) {
  for (const char* url :
       {"redis://:se/cret@host", "redis://user:12/cret@host:1", "redis://user:se/cret@host/0",
        "redis://:se%zcret@host", "http://:secret@host", "redis://:secret@host:port",
        "redis://u:12/3/cret@host", "redis://u:se?cret@host:x", "redis://u:se/cret?db=12@host",
        "unix://u:se/cret?db=12@/run/s", "redis+sentinel://u:se/cret12@s1/shop"}) {
    EXPECT_THAT(url_refusal(url),
                AllOf(Not(""), Not(HasSubstr("cret")), Not(HasSubstr("'se")), Not(HasSubstr("12"))))
        << url;
  }
}

TEST(RedisUrls, WithASlashInThePasswordSayThatItMustBeEncoded) {
  EXPECT_THAT(url_refusal("redis://:se/cret@host"), HasSubstr("%2F"));
  EXPECT_THAT(url_refusal("redis://user:12/cret@host:1"), HasSubstr("%2F"));
  EXPECT_THAT(url_refusal("redis://user:12/cret?db=1@host:1"), HasSubstr("%2F"));
}

TEST(Endpoints, AreNamedWithoutThePassword) {
  RedisOptions options;
  options.url = "redis://user:secret@host:7000/2";
  EXPECT_EQ(resolve_endpoint(options).name(), "host:7000 database 2");
  options.url = "unix://user:secret@/run/s";
  EXPECT_EQ(resolve_endpoint(options).name(), "/run/s");
  options.url = "redis+sentinel://user:secret@s1,[::1]:7/shop";
  EXPECT_EQ(resolve_endpoint(options).name(), "shop of the sentinels s1:26379,[::1]:7");
  EXPECT_EQ(resolve_endpoint(options).url_without_login(),
            "redis+sentinel://s1:26379,[::1]:7/shop/0");
}

TEST(Endpoints, AreEncryptedOnlyWhereTheUrlSaysSo) {
  RedisOptions options;
  options.url = "redis://host";
  EXPECT_FALSE(resolve_endpoint(options).tls);
  options.url = "rediss://host";
  EXPECT_TRUE(resolve_endpoint(options).tls);
}

}  // namespace
}  // namespace wq::internal
