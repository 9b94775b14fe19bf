#include <algorithm>
#include <atomic>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "cli/options.h"
#include "support/eventually.h"
#include "support/temporary_folder.h"
#include "unit/push_source_testing.h"
#include "wq-push/record_source.h"

namespace wq::push {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::uint64_t kMax = 16 * 1024 * 1024;

class RecordsTest : public testing::Test {
 protected:
  std::vector<std::string> lines(std::string_view text) { return read(text, Records::lines); }
  std::vector<std::string> records(std::string_view text) {
    return read(text, Records::null_ended);
  }
  std::vector<std::string> read(std::string_view text, Records records) {
    RecordSource source(folder_.file("list", text), records, kMax, wait_);
    return all_of(source);
  }

  test::TemporaryFolder folder_;
  InputWait wait_;
};

TEST_F(RecordsTest, ALineIsAnItem) { EXPECT_THAT(lines("a\nb c\n"), ElementsAre("a", "b c")); }

TEST_F(RecordsTest, ALastLineNeedsNoLineEnd) { EXPECT_THAT(lines("a\nb"), ElementsAre("a", "b")); }

TEST_F(RecordsTest, EmptyLinesAreNoItemsWhereverTheyStand) {
  EXPECT_THAT(lines("\n\na\n\n\nb\n\n"), ElementsAre("a", "b"));
  EXPECT_THAT(lines("\n"), IsEmpty());
  EXPECT_THAT(lines(""), IsEmpty());
}

TEST_F(RecordsTest, SpacesAndTheCarriageReturnOfWindowsArePartsOfAnItem) {
  EXPECT_THAT(lines(" a \r\n\r\n \n"), ElementsAre(" a \r", "\r", " "));
}

TEST_F(RecordsTest, ALineMayHoldAnyOtherByte) {
  EXPECT_THAT(lines(std::string_view("a\0b\xff\n", 5)), ElementsAre(std::string("a\0b\xff", 4)));
}

TEST_F(RecordsTest, AByteOrderMarkIsTakenOffWithAHint) {
  testing::internal::CaptureStderr();
  EXPECT_THAT(lines("\xef\xbb\xbf"
                    "a\nb\n"),
              ElementsAre("a", "b"));
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("byte-order mark"));
  EXPECT_THAT(lines("\xef\xbb\xbf"), IsEmpty());
  EXPECT_THAT(lines("\xef\xbb"), ElementsAre("\xef\xbb"));
}

TEST_F(RecordsTest, ListsThatAreNoPlainTextAreRefusedByName) {
  using namespace std::string_view_literals;
  const std::vector<std::pair<std::string_view, const char*>> kinds{
      {"\xff\xfe"
       "a\0\n\0"sv,
       "iconv -f UTF-16"},
      {"\xfe\xff\0a\0\n"sv, "iconv -f UTF-16"},
      {"\xfd"
       "7zXZ\0"sv,
       "xzcat"},
      {"BZh91AY&SY"sv, "bzcat"},
      {"PK\x03\x04"sv, "unzip"}};
  for (const auto& [text, advice] : kinds) {
    try {
      static_cast<void>(lines(text));
      ADD_FAILURE() << advice;
    } catch (const cli::UsageError& error) {
      EXPECT_THAT(error.what(), HasSubstr(advice));
    }
  }
  EXPECT_THAT(lines("BZh\nPK\n"), ElementsAre("BZh", "PK"));
}

std::string gzip(std::string_view text) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()), '\0');
  std::string in(text);
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string zstd(std::string_view text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

class CompressedRecords : public RecordsTest,
                          public testing::WithParamInterface<std::string (*)(std::string_view)> {
 protected:
  static std::string compressed(std::string_view text) { return GetParam()(text); }
  // The items, and what ended them.
  std::pair<std::vector<std::string>, std::string> until_error(std::string_view text) {
    RecordSource source(folder_.file("list", text), Records::lines, kMax, wait_);
    std::vector<std::string> items;
    try {
      for (std::string item; source.next(item);) items.push_back(item);
    } catch (const InputError& error) {
      return {items, error.what()};
    }
    return {items, ""};
  }
};

TEST_P(CompressedRecords, AreReadLikePlainOnes) {
  EXPECT_THAT(lines(compressed("a\nb c\n\nd")), ElementsAre("a", "b c", "d"));
  EXPECT_THAT(lines(compressed("")), IsEmpty());
  EXPECT_THAT(lines(compressed("\xef\xbb\xbf"
                               "a\n")),
              ElementsAre("a"));
  EXPECT_THAT(records(compressed(std::string_view("a\nb\0c\0", 6))), ElementsAre("a\nb", "c"));
}

TEST_P(CompressedRecords, OneBehindTheOtherAreOneList) {
  EXPECT_THAT(lines(compressed("a\nb") + compressed("c\n") + compressed("")),
              ElementsAre("a", "bc"));
}

TEST_P(CompressedRecords, ComeOutWholeHoweverWellTheyAreCompressed) {
  const std::string same(3'000'000, 'x');
  std::string text;
  std::vector<std::string> items;
  for (int i = 0; i < 100'000; ++i) {
    items.push_back("item " + std::to_string(i * 7919));
    text += items.back() + "\n";
  }
  items.push_back(same);
  EXPECT_TRUE(lines(compressed(text + same)) == items);
}

TEST_P(CompressedRecords, ThatAreTornAreAnErrorWithItsPlaceAndNoHalfItem) {
  std::string text;
  for (int i = 0; i < 50'000; ++i) text += "item " + std::to_string(i * 7919) + "\n";
  const std::string whole = compressed(text);
  for (const std::size_t size : {std::size_t{5}, whole.size() / 2, whole.size() - 1}) {
    const auto [items, error] = until_error(std::string_view(whole).substr(0, size));
    EXPECT_THAT(error, HasSubstr(fmt::format("list: line {}, within the first {} bytes of the "
                                             "file: the compressed data ends in the middle",
                                             items.size() + 1, size)));
    for (std::size_t i = 0; i < items.size(); ++i) {
      ASSERT_EQ(items[i], "item " + std::to_string(i * 7919)) << "half an item";
    }
  }
}

TEST_P(CompressedRecords, ThatAreDamagedAreAnError) {
  std::string whole = compressed("a\nb\n");
  EXPECT_THAT(until_error(whole + "rest").second, HasSubstr("damaged"));
  for (std::size_t i = 8; i < 16; ++i) whole[i] = '\xff';
  EXPECT_THAT(until_error(whole).second, testing::ContainsRegex("damaged|ends in the middle"));
}

TEST_P(CompressedRecords, MayNotHoldWhatIsNoPlainText) {
  EXPECT_THROW(static_cast<void>(lines(compressed("BZh91AY&SY"))), cli::UsageError);
  EXPECT_THROW(static_cast<void>(lines(compressed("\xff\xfe"))), cli::UsageError);
}

INSTANTIATE_TEST_SUITE_P(Of, CompressedRecords, testing::Values(&gzip, &zstd));

TEST_F(RecordsTest, GzipMayBePaddedWithZeros) {
  EXPECT_THAT(lines(gzip("a\n") + std::string(1'000, '\0')), ElementsAre("a"));
}

TEST_F(RecordsTest, WhatNulEndsStaysAsItIsWithAWarning) {
  testing::internal::CaptureStderr();
  EXPECT_THAT(records(std::string_view("\xef\xbb\xbf"
                                       "a\0b\0",
                                       7)),
              ElementsAre("\xef\xbb\xbf"
                          "a",
                          "b"));
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("unchanged"));
}

TEST_F(RecordsTest, WhatFindPrint0WritesIsNoLine) {
  try {
    static_cast<void>(lines(std::string_view("./a\0./b\0", 8)));
    FAIL();
  } catch (const cli::UsageError& error) {
    EXPECT_THAT(error.what(), HasSubstr("one line with 2 zero bytes"));
    EXPECT_THAT(error.what(), HasSubstr("-0"));
  }
}

TEST_F(RecordsTest, ZeroBytesWithinALineAreHintedAtOnce) {
  testing::internal::CaptureStderr();
  static_cast<void>(lines(std::string_view("a\0b\nc\0d\n", 8)));
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_THAT(said, HasSubstr("line 1: an item with 1 zero byte inside"));
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1);
}

TEST_F(RecordsTest, NulEndsItemsExactlySoThatOneMayBeEmptyOrHaveLines) {
  EXPECT_THAT(records(std::string_view("a\nb\0\0c\0", 7)), ElementsAre("a\nb", "", "c"));
}

TEST_F(RecordsTest, ALastItemNeedsNoNul) {
  EXPECT_THAT(records(std::string_view("a\0b", 3)), ElementsAre("a", "b"));
  EXPECT_THAT(records("a"), ElementsAre("a"));
}

TEST_F(RecordsTest, ItemsLongerThanTheBufferComeWhole) {
  const std::string large(300'000, 'x');
  EXPECT_THAT(lines("a\n" + large + "\n" + large), ElementsAre("a", large, large));
}

TEST_F(RecordsTest, ThePlaceCountsEmptyLinesToo) {
  RecordSource source(folder_.file("list", "a\n\nb"), Records::lines, kMax, wait_);
  std::string item;
  ASSERT_TRUE(source.next(item));
  EXPECT_EQ(source.position(), folder_.path() / "list: line 1");
  ASSERT_TRUE(source.next(item));
  EXPECT_EQ(source.position(), folder_.path() / "list: line 3");
}

TEST_F(RecordsTest, AnItemOverTheLimitIsRefusedWithItsPlace) {
  const std::string path = folder_.file("list", "12345\n123456\n");
  RecordSource source(path, Records::lines, 5, wait_);
  std::string item;
  ASSERT_TRUE(source.next(item));
  try {
    (void)source.next(item);
    FAIL() << "accepted";
  } catch (const ItemTooLarge& error) {
    EXPECT_THAT(error.what(), HasSubstr(path + ": line 2: the item is larger than"));
  }
}

TEST_F(RecordsTest, AFileWithoutAnyLineEndIsRefusedBeforeItFillsTheMemory) {
  RecordSource source("/dev/zero", Records::lines, 1'000'000, wait_);
  std::string item;
  EXPECT_THROW((void)source.next(item), ItemTooLarge);
  EXPECT_LE(item.size(), 1'000'000U);
}

TEST_F(RecordsTest, AFileThatCannotBeOpenedIsNamed) {
  try {
    RecordSource source("/nonexistent/list", Records::lines, kMax, wait_);
    FAIL() << "accepted";
  } catch (const InputError& error) {
    EXPECT_STREQ(error.what(), "cannot open '/nonexistent/list': No such file or directory");
  }
}

TEST_F(RecordsTest, AReadThatFailsIsNamedWithTheLine) {
  RecordSource source(folder_.path(), Records::lines, kMax, wait_);
  std::string item;
  try {
    (void)source.next(item);
    FAIL() << "accepted";
  } catch (const InputError& error) {
    EXPECT_EQ(error.what(), "cannot read " + folder_.path().string() + ": line 1: Is a directory");
  }
}

TEST_F(RecordsTest, TheFractionOfAFileThatWasReadIsKnown) {
  RecordSource source(folder_.file("list", "a\nb\n"), Records::lines, kMax, wait_);
  EXPECT_EQ(source.fraction(), 0.0);
  EXPECT_THAT(all_of(source), SizeIs(2));
  EXPECT_EQ(source.fraction(), 1.0);
}

/// A named pipe, and its end for writing.
class PausingInput : public RecordsTest {
 protected:
  PausingInput() : path_(folder_.path() / "pipe") {
    EXPECT_EQ(mkfifo(path_.c_str(), 0600), 0);
    // For reading and writing, so that neither side waits for the other to open it.
    writer_ = open(path_.c_str(), O_RDWR | O_CLOEXEC);
    EXPECT_GE(writer_, 0);
  }
  ~PausingInput() override { close(writer_); }

  void type(std::string_view text) const {
    EXPECT_EQ(write(writer_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }

  const std::string path_;
  int writer_ = -1;
};

TEST_F(PausingInput, IsReportedOnceBeforeTheWait) {
  std::atomic<int> pauses{0};
  InputWait wait({}, [&] { ++pauses; });
  RecordSource source(path_, Records::lines, kMax, wait);
  type("a\nb\n");
  std::string item;
  ASSERT_TRUE(source.next(item));
  ASSERT_TRUE(source.next(item));
  EXPECT_EQ(pauses, 0);
  std::thread later{[&] {
    EXPECT_TRUE(test::eventually([&] { return pauses == 1; }));
    type("c\n");
  }};
  EXPECT_TRUE(source.next(item));
  later.join();
  EXPECT_EQ(item, "c");
  EXPECT_EQ(pauses, 1);
}

TEST_F(PausingInput, IsLeftWhenAStopIsRequestedAndHalfALineIsNoItem) {
  std::stop_source stop;
  std::atomic<int> pauses{0};
  InputWait wait(stop.get_token(), [&] { ++pauses; });
  RecordSource source(path_, Records::lines, kMax, wait);
  type("half a li");
  std::thread later{[&] {
    EXPECT_TRUE(test::eventually([&] { return pauses == 1; }));
    stop.request_stop();
  }};
  std::string item;
  EXPECT_FALSE(source.next(item));
  later.join();
}

TEST_F(PausingInput, HasNoKnownFraction) {
  RecordSource source(path_, Records::lines, kMax, wait_);
  EXPECT_EQ(source.fraction(), std::nullopt);
}

TEST_F(RecordsTest, NothingIsReadAfterAStop) {
  std::stop_source stop;
  stop.request_stop();
  InputWait wait(stop.get_token());
  RecordSource source(folder_.file("list", "a\n"), Records::lines, kMax, wait);
  EXPECT_THAT(all_of(source), IsEmpty());
}

}  // namespace
}  // namespace wq::push
