#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/options.h"
#include "unit/push_source_testing.h"
#include "wq-push/reader.h"
#include "wq-push/resume_hint.h"

namespace wq::push {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ListSource : public ItemSource {
 public:
  explicit ListSource(std::vector<std::string> items) : items_(std::move(items)) {}
  bool next(std::string& item) override {
    if (given_ == items_.size()) return false;
    item = items_[given_++];
    return true;
  }
  std::string position() const override { return "item " + std::to_string(given_); }

 private:
  const std::vector<std::string> items_;
  std::size_t given_ = 0;
};

TEST(Reader, PassesOverTheItemsThatAreToBeSkipped) {
  PushOptions options;
  options.skip = 2;
  ListSource source({"a", "b", "c", "d"});
  Reader reader(options, source);
  EXPECT_THAT(all_of(reader), ElementsAre("c", "d"));
  EXPECT_EQ(reader.given(), 2U);
}

TEST(Reader, MaySkipAllThereIs) {
  PushOptions options;
  options.skip = 2;
  ListSource source({"a", "b"});
  Reader reader(options, source);
  EXPECT_THAT(all_of(reader), IsEmpty());
}

TEST(Reader, RefusesToSkipMoreThanThereIs) {
  PushOptions options;
  options.skip = 3;
  ListSource source({"a", "b"});
  Reader reader(options, source);
  std::string item;
  try {
    (void)reader.next(item);
    FAIL() << "accepted";
  } catch (const cli::UsageError& error) {
    EXPECT_STREQ(error.what(), "--skip 3: the input has only 2 items");
  }
}

TEST(Reader, HoldsItemsOfAnySourceAgainstTheLimit) {
  PushOptions options;
  options.source.max_item_bytes = 3;
  ListSource source({"123", "1234"});
  Reader reader(options, source);
  std::string item;
  ASSERT_TRUE(reader.next(item));
  try {
    (void)reader.next(item);
    FAIL() << "accepted";
  } catch (const ItemTooLarge& error) {
    EXPECT_THAT(error.what(), HasSubstr("item 2: the item is larger than --max-item-bytes 3"));
  }
  EXPECT_EQ(reader.given(), 1U);
}

TEST(Reader, HintsOnceAtLargeItems) {
  const PushOptions options;
  const std::string large(1024 * 1024, 'x');
  ListSource source({"small", large, large});
  Reader reader(options, source);
  testing::internal::CaptureStderr();
  (void)all_of(reader);
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, HasSubstr("item 2: an item of 1048576 bytes"));
  EXPECT_EQ(log.find("item 3"), std::string::npos);
}

TEST(Reader, HintsOnceAtLinesFromWindows) {
  const PushOptions options;
  ListSource source({"a", "b\r", "c\r"});
  Reader reader(options, source);
  testing::internal::CaptureStderr();
  EXPECT_THAT(all_of(reader), ElementsAre("a", "b\r", "c\r"));
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, HasSubstr("item 2: the item ends with a CR"));
  EXPECT_EQ(log.find("item 3"), std::string::npos);
}

class GoingOn : public testing::Test {
 protected:
  GoingOn() { options_.queue = "q"; }
  PushOptions options_;
};

TEST_F(GoingOn, IsAMatterOfSkippingWhatIsIn) {
  EXPECT_EQ(how_to_go_on(options_, {100, 0, 0}, 100),
            "exactly 100 items were pushed to q; to resume, run the same command with --skip 100");
}

TEST_F(GoingOn, AddsToWhatWasSkippedBefore) {
  options_.skip = 50;
  EXPECT_THAT(how_to_go_on(options_, {100, 0, 0}, 100), HasSubstr("with --skip 150"));
}

TEST_F(GoingOn, SaysHowManyAreInDoubt) {
  EXPECT_EQ(how_to_go_on(options_, {100, 0, 0}, 130),
            "100 items were pushed to q, and up to 30 more may have been; to resume, run the same "
            "command with --skip 100 (uncertain items may then be pushed twice)");
}

TEST_F(GoingOn, SaysWhatRedisForgot) {
  EXPECT_EQ(how_to_go_on(options_, {100, 0, 20}, 120),
            "100 items were pushed to q, and up to 20 more may have been; to resume, run the same "
            "command with --skip 120 (20 of the skipped items may not be in the queue)");
}

TEST_F(GoingOn, NeedsNoNumberWithOnce) {
  options_.producer.once = true;
  EXPECT_EQ(how_to_go_on(options_, {90, 10, 0}, 120),
            "90 items were pushed to q, and up to 20 more may have been; to resume, run the same "
            "command again: --once skips the items pushed");
}

TEST_F(GoingOn, MustNotBeginAnewAgain) {
  options_.fresh = true;
  EXPECT_THAT(how_to_go_on(options_, {100, 0, 0}, 100),
              HasSubstr("without --fresh and with --skip 100"));
  options_.producer.once = true;
  EXPECT_THAT(how_to_go_on(options_, {100, 0, 0}, 100), HasSubstr("again without --fresh"));
}

TEST_F(GoingOn, IsNothingToTalkAboutBeforeTheFirstItem) {
  EXPECT_EQ(how_to_go_on(options_, {}, 0), "nothing was pushed to q");
}

}  // namespace
}  // namespace wq::push
