#include <string>

#include <gtest/gtest.h>

#include <wq/error.h>

namespace wq {
namespace {

TEST(ReplyErrors, HaveTheFirstWordAsTheirCode) {
  EXPECT_EQ(ReplyError("WRONGTYPE Operation against a key").code(), "WRONGTYPE");
  EXPECT_EQ(ReplyError("ERR unknown command").code(), "ERR");
  EXPECT_EQ(ReplyError("OOM").code(), "OOM");
  EXPECT_EQ(ReplyError("").code(), "");
}

TEST(ReplyErrors, FindTheCodeThatAnOlderRedisWraps) {
  const std::string wrapped = "ERR Error running script (call to f_0123abc): @user_script:3: ";
  EXPECT_EQ(ReplyError(wrapped + "-OOM command not allowed when used memory > 'maxmemory'.").code(),
            "OOM");
  EXPECT_EQ(ReplyError(wrapped + "@user_script: 3: -READONLY You can't write").code(), "READONLY");
  EXPECT_EQ(ReplyError(wrapped + "WRONGTYPE Operation against a key holding").code(), "WRONGTYPE");
  EXPECT_EQ(ReplyError(wrapped + "attempt to index a nil value").code(), "ERR");
}

TEST(ReplyErrors, FindTheCodeForWhichATransactionIsRefused) {
  const std::string aborted = "EXECABORT Transaction discarded because of: ";
  EXPECT_EQ(ReplyError(aborted + "NOPERM this user has no permissions").code(), "NOPERM");
  EXPECT_FALSE(ReplyError(aborted + "NOPERM this user has no permissions").transient());
  EXPECT_TRUE(ReplyError(aborted + "OOM command not allowed").transient());
  EXPECT_EQ(ReplyError(aborted + "previous errors.").code(), "EXECABORT");
  EXPECT_EQ(ReplyError("EXECABORT Transaction discarded because of previous errors.").code(),
            "EXECABORT");
  EXPECT_TRUE(
      ReplyError("EXECABORT Transaction discarded because of previous errors.").transient());
}

TEST(ReplyErrors, FindTheCodeForWhatAUserMayNotDoInAScript) {
  for (const char* message :
       {"ERR The user executing the script can't run this command or subcommand script: 180f8c10, "
        "on @user_script:25.",
        "ERR The user executing the script can't access at least one of the keys mentioned in the "
        "command arguments script: 180f8c10, on @user_script:25.",
        "ERR Error running script (call to f_180f8c10): @user_script:25: @user_script: 25: The "
        "user "
        "executing the script can't run this command or subcommand",
        "ERR ACL failure in script: User u has no permissions to run the 'get' command script: "
        "180f8c10, on @user_script:25."}) {
    EXPECT_EQ(ReplyError(message).code(), "NOPERM") << message;
    EXPECT_FALSE(ReplyError(message).transient()) << message;
  }
}

TEST(ReplyErrors, DoNotTakeWordsOfAMessageForACode) {
  EXPECT_EQ(ReplyError("ERR something: OOM is mentioned").code(), "ERR");
}

TEST(ReplyErrors, AreNotTransientForWordsFurtherOnInTheMessage) {
  EXPECT_FALSE(ReplyError("ERR unknown command 'x', with args beginning with: 'max number of "
                          "clients reached'")
                   .transient());
  EXPECT_FALSE(ReplyError("ERR max number of clients reached. The user executing the script can't "
                          "run this command")
                   .transient());
}

TEST(ReplyErrors, AreTransientWhenRedisMayRecoverByItself) {
  for (const char* code : {"LOADING", "BUSY", "READONLY", "UNBLOCKED", "MASTERDOWN", "NOREPLICAS",
                           "MISCONF", "CLUSTERDOWN", "TRYAGAIN", "OOM", "NOSCRIPT"}) {
    EXPECT_TRUE(ReplyError(std::string(code) + " words").transient()) << code;
    EXPECT_TRUE(ReplyError("ERR Error running script (call to f_0): @user_script:1: -" +
                           std::string(code) + " words")
                    .transient())
        << code;
  }
  EXPECT_TRUE(ReplyError("ERR max number of clients reached").transient());
  EXPECT_TRUE(ReplyError("ERR max number of clients + cluster connections reached").transient());
}

TEST(ReplyErrors, AreNotTransientOtherwise) {
  for (const char* message : {"ERR unknown command", "WRONGTYPE x", "NOAUTH x", "WRONGPASS x",
                              "NOPERM x", "ERR Protocol error", "oom", ""}) {
    EXPECT_FALSE(ReplyError(message).transient()) << message;
  }
}

TEST(ReplyErrors, KeepRedisWords) {
  EXPECT_STREQ(ReplyError("ERR these words").what(), "ERR these words");
}

TEST(Errors, AreAllOfOneFamily) {
  EXPECT_THROW(throw ConnectionError("x"), Error);
  EXPECT_THROW(throw ReplyError("x"), Error);
  EXPECT_THROW(throw RefusedError("x"), ReplyError);
  EXPECT_THROW(throw ProtocolError("x"), Error);
  EXPECT_THROW(throw DrainedError("x"), Error);
}

}  // namespace
}  // namespace wq
