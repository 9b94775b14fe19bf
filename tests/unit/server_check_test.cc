#include "queue/server_check.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <wq/error.h>

namespace wq::internal {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string info(const std::string& version, const std::string& policy = "noeviction",
                 const std::string& cluster = "0") {
  return "# Server\r\nredis_version:" + version +
         "\r\nredis_mode:standalone\r\n# Memory\r\nmaxmemory_policy:" + policy +
         "\r\n# Cluster\r\ncluster_enabled:" + cluster + "\r\n";
}

ServerReport report_of(const std::string& text, const Keys& keys) {
  Info info;
  read_info(text, info);
  return check_info(info, keys);
}

std::string server_refusal(const std::string& text, const std::string& queue = "q") {
  try {
    static_cast<void>(report_of(text, Keys(queue)));
  } catch (const RefusedError& error) {
    return error.what();
  }
  return "";
}

TEST(ServerCheck, ReadsTheVersionAndThePolicy) {
  const ServerReport report = report_of(info("7.0.15"), Keys("q"));
  EXPECT_EQ(report.version, "7.0.15");
  EXPECT_EQ(report.maxmemory_policy, "noeviction");
  EXPECT_FALSE(report.evicts());
}

TEST(ServerCheck, KnowsPoliciesThatDeleteKeys) {
  for (const char* policy : {"allkeys-lru", "allkeys-random", "volatile-lru", "volatile-ttl"}) {
    EXPECT_TRUE(report_of(info("7.0.15", policy), Keys("q")).evicts()) << policy;
  }
}

TEST(ServerCheck, RefusesAServerThatIsTooOld) {
  for (const char* version : {"6.0.16", "5.0.7", "2.8", "6.1.999", "3"}) {
    EXPECT_THAT(server_refusal(info(version)), AllOf(HasSubstr(version), HasSubstr("6.2")))
        << version;
  }
}

TEST(ServerCheck, AcceptsAServerThatIsNewEnough) {
  for (const char* version : {"6.2.0", "6.2", "6.10.1", "7.0.15", "8.0.2", "10.0"}) {
    EXPECT_EQ(server_refusal(info(version)), "") << version;
  }
}

TEST(ServerCheck, AcceptsAVersionThatItCannotJudge) {
  EXPECT_EQ(server_refusal(info("unstable")), "");
  EXPECT_EQ(server_refusal(""), "");
  EXPECT_EQ(report_of("", Keys("q")).version, "");
  EXPECT_FALSE(report_of("", Keys("q")).evicts());
}

TEST(ServerCheck, RefusesASentinelAndNamesItsMasters) {
  const std::string sentinel = "# Server\r\nredis_version:7.0.15\r\nredis_mode:sentinel\r\n";
  EXPECT_THAT(server_refusal(sentinel), HasSubstr("is a Sentinel"));
  EXPECT_THAT(server_refusal(sentinel + "# Sentinel\r\nsentinel_masters:1\r\nmaster0:name=shop,"
                                        "status=ok,address=10.0.0.1:6379,slaves=0,sentinels=1\r\n"),
              HasSubstr("redis://10.0.0.1:6379 (shop)"));
}

TEST(ServerCheck, KnowsASentinelOfValkey) {
  EXPECT_THAT(server_refusal("redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.1.1\r\n"
                             "server_mode:sentinel\r\n"),
              HasSubstr("is a Sentinel"));
}

TEST(ServerCheck, WantsAHashTagOnACluster) {
  EXPECT_THAT(server_refusal(info("7.0.15", "noeviction", "1"), "jobs"),
              AllOf(HasSubstr("Cluster"), HasSubstr("'{jobs}'")));
  EXPECT_EQ(server_refusal(info("7.0.15", "noeviction", "1"), "{jobs}"), "");
}

}  // namespace
}  // namespace wq::internal
