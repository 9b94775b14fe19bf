#include "base/start_thread.h"

#include <cerrno>
#include <string>
#include <system_error>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wq::internal {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// What the standard library does when the system has no more threads.
struct NoThread {
  template <typename Body>
  explicit NoThread(Body&& /*body*/) {
    throw std::system_error(EAGAIN, std::generic_category());
  }
};

TEST(StartThread, RunsTheBody) {
  int ran = 0;
  start_thread<std::thread>("the thread of the test", [&ran] { ran = 1; }).join();
  EXPECT_EQ(ran, 1);
}

TEST(StartThread, SaysWhatCouldNotBeStartedAndWhatToDo) {
  try {
    static_cast<void>(start_thread<NoThread>("the thread of slot 3", [] {}));
    ADD_FAILURE() << "it was started";
  } catch (const std::system_error& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("cannot start the thread of slot 3"),
                                    HasSubstr("ulimit -u"), HasSubstr("temporarily unavailable")));
    EXPECT_EQ(error.code().value(), EAGAIN);
  }
}

TEST(NoRoom, AdvisesWhereALimitIsInTheWayOnly) {
  const auto said = [](int error) {
    return std::string(no_room("cannot make a pipe", {error, std::generic_category()}).what());
  };
  EXPECT_THAT(said(EMFILE), HasSubstr("ulimit -n"));
  EXPECT_THAT(said(ENFILE), HasSubstr("fs.file-max"));
  EXPECT_THAT(said(ENOMEM), Not(HasSubstr("raise")));
}

}  // namespace
}  // namespace wq::internal
