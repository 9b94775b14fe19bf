#include "queue/torn_aof.h"

#include <string>

#include <gtest/gtest.h>

namespace wq::internal {
namespace {

AofState aof_of(const std::string& text) {
  Info info;
  read_info(text, info);
  return read_aof(info);
}

std::string info_text(const std::string& changes) {
  return "# Persistence\r\nloading:0\r\naof_enabled:1\r\naof_base_size:89\r\n" + changes;
}

Info server(const std::string& name, const std::string& version) {
  return {{"server_name", name}, {"valkey_version", version}};
}

TEST(TornAof, IsRewrittenWhenARewriteHasSucceededSinceTheStart) {
  const std::string started =
      "aof_rewrite_in_progress:0\r\naof_rewrite_scheduled:0\r\naof_last_rewrite_time_sec:-1\r\n"
      "aof_last_bgrewrite_status:ok\r\n";
  EXPECT_TRUE(aof_of(info_text(started)).kept);
  EXPECT_FALSE(aof_of(info_text(started)).empty);
  EXPECT_FALSE(aof_of(info_text(started)).rewriting);
  EXPECT_FALSE(aof_of(info_text(started)).rewritten);
  EXPECT_TRUE(aof_of(info_text("aof_last_rewrite_time_sec:0\r\naof_last_bgrewrite_status:ok\r\n"))
                  .rewritten);
  EXPECT_FALSE(aof_of(info_text("aof_last_rewrite_time_sec:0\r\naof_last_bgrewrite_status:err\r\n"))
                   .rewritten);
  EXPECT_TRUE(aof_of(info_text("aof_rewrite_in_progress:1\r\n")).rewriting);
  EXPECT_TRUE(aof_of(info_text("aof_rewrite_scheduled:1\r\n")).rewriting);
}

TEST(TornAof, IsNotLookedForWhereThereIsNoneOrNotYet) {
  EXPECT_FALSE(aof_of("# Persistence\r\nloading:0\r\naof_enabled:0\r\n").kept);
  EXPECT_FALSE(aof_of("# Persistence\r\nloading:1\r\naof_enabled:1\r\n").kept);
  EXPECT_FALSE(aof_of("").kept);
  EXPECT_TRUE(aof_of("# Persistence\r\naof_enabled:1\r\naof_base_size:0\r\n").empty);
}

TEST(TornAof, IsCutOffWholeByTheReleasesOfValkeyThatSaySo) {
  for (const char* version :
       {"8.0.11", "8.0.12", "8.1.10", "8.1.11", "9.2.0", "9.10.1", "10.0.0"}) {
    EXPECT_TRUE(cuts_whole_transactions(server("valkey", version))) << version;
  }
  for (const char* version : {"7.2.13", "8.0.2", "8.1.9", "9.0.7", "9.1.3", "", "unstable", "8"}) {
    EXPECT_FALSE(cuts_whole_transactions(server("valkey", version))) << version;
  }
  EXPECT_FALSE(cuts_whole_transactions(server("redis", "8.1.10")));
  EXPECT_FALSE(cuts_whole_transactions(server("", "8.10.2")));
}

}  // namespace
}  // namespace wq::internal
