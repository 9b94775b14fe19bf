// Answers that Redis never gives, but a server that is not well, or that is not Redis, may.

#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <wq/error.h>

#include "queue/operations.h"
#include "support/queue_test.h"

namespace wq::internal {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class Answers : public test::QueueTest {
 protected:
  Reply answer(const std::string& lua) { return redis_.call({"EVAL", "return " + lua, "0"}); }
};

TEST_F(Answers, NameOnlyItemsThatWereAskedAbout) {
  EXPECT_THAT(read_positions(answer("{1, 3}").value(), 3), ElementsAre(0, 2));
  EXPECT_THAT(read_positions(answer("{}").value(), 3), IsEmpty());
  for (const char* wrong : {"{0}", "{4}", "{-1}", "{2, 1000000}"}) {
    EXPECT_THROW(static_cast<void>(read_positions(answer(wrong).value(), 3)), ProtocolError)
        << wrong;
  }
}

TEST_F(Answers, DrawAFenceForEveryItem) {
  EXPECT_EQ(read_pop(answer("{2, 0, {'a', 'b'}}").value()).items.at(0).fence, 1U);
  EXPECT_THROW(static_cast<void>(read_pop(answer("{1, 0, {'a', 'b'}}").value())), ProtocolError);
  EXPECT_EQ(read_claim(answer("{1, 0}").value(), "a").items.at(0).fence, 1U);
  for (const char* wrong : {"{0, 0}", "{-1, 0}"}) {
    EXPECT_THROW(static_cast<void>(read_claim(answer(wrong).value(), "a")), ProtocolError) << wrong;
  }
}

TEST_F(Answers, CannotMakeManyTriesLookLikeNone) {
  std::vector<Lease> leases(1);
  for (const char* many : {"{'4294967295'}", "{'4294967296'}", "{'9223372036854775807'}"}) {
    read_failures(answer(many).value(), leases);
    read_crashes(answer(many).value(), leases);
    EXPECT_GT(leases[0].failures, 999'999U) << many;
    EXPECT_GT(leases[0].attempt(), leases[0].failures) << many;
  }
}

}  // namespace
}  // namespace wq::internal
