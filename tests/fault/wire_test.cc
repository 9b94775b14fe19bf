#include "fault/wire.h"

#include <stdexcept>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "redis/command_buffer.h"
#include "script/script.h"

namespace wq::fault {
namespace {

TEST(FrameSplitter, GivesBackFramesOneByOne) {
  FrameSplitter splitter;
  splitter.feed("+OK\r\n:12\r\n$-1\r\n*-1\r\n-ERR no\r\n");
  for (const std::string frame : {"+OK\r\n", ":12\r\n", "$-1\r\n", "*-1\r\n", "-ERR no\r\n", ""}) {
    EXPECT_EQ(splitter.next(), frame);
  }
}

TEST(FrameSplitter, KeepsWhatLooksLikeTheEndOfAFrameInsideOfIt) {
  const std::string frame = "*2\r\n$6\r\na\r\n+OK\r\n*1\r\n$0\r\n\r\n";
  FrameSplitter splitter;
  splitter.feed(frame + ":1\r\n");
  EXPECT_EQ(splitter.next(), frame);
  EXPECT_EQ(splitter.next(), ":1\r\n");
}

TEST(FrameSplitter, WaitsForTheRestWhereverItIsCut) {
  const std::string frame = "*3\r\n$3\r\nabc\r\n:1\r\n*1\r\n$-1\r\n";
  for (std::size_t cut = 0; cut < frame.size(); ++cut) {
    FrameSplitter splitter;
    splitter.feed(frame.substr(0, cut));
    EXPECT_EQ(splitter.next(), "") << cut;
    splitter.feed(frame.substr(cut));
    EXPECT_EQ(splitter.next(), frame) << cut;
  }
}

TEST(FrameSplitter, RefusesWhatIsNotRedis) {
  FrameSplitter splitter;
  splitter.feed("GET / HTTP/1.1\r\n\r\n");
  EXPECT_THROW(splitter.next(), std::runtime_error);
}

TEST(NameOfCommand, IsItsFirstWord) {
  internal::CommandBuffer set;
  set.command({"set", "key", "value"});
  EXPECT_EQ(name_of_command(set.bytes()), "SET");
}

TEST(NameOfCommand, IsTheNameOfAScript) {
  const internal::Keys keys("q");
  internal::CommandBuffer call;
  internal::begin_call(call, internal::scripts::counts, keys, 0, 0);
  EXPECT_EQ(name_of_command(call.bytes()), "counts");
}

}  // namespace
}  // namespace wq::fault
