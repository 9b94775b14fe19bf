#include <cstdint>

#include "e2e/programs.h"

// Items of every kind on their way from wq-push through wq-worker into the results.
namespace wq::test {
namespace {

using ::testing::HasSubstr;

// Every byte there is, in an order without a pattern.
std::string bytes(std::size_t size) {
  std::string text(size, '\0');
  std::uint32_t state = 1;
  for (char& byte : text) {
    state = state * 1'664'525 + 1'013'904'223;
    byte = static_cast<char>(state >> 24);
  }
  return text;
}

class Items : public ProgramTest {
 protected:
  // Through wq-push, which reads a file.
  void push_file(const std::string& item) {
    Process push = push_process({"--each-file", "q", file("item", item)});
    EXPECT_EQ(push.wait(), 0) << push.err();
  }

  void expect_dead_as_unpassable(const std::string& item) {
    EXPECT_EQ(all(Key::dead), Words{item});
    const nlohmann::json failure = failure_of(item);
    EXPECT_EQ(failure.at("kind"), "unpassable");
    EXPECT_THAT(failure.at("message"), HasSubstr("stdin"));
    // On a stalled machine a large item arrives too late to be leased, and returns.
    EXPECT_EQ(counts().leased, counts().completed + counts().returned + 1);
    EXPECT_FALSE(redis_.exists(key(Key::attempts)));
  }
};

// Made only where it is used: each test is a process that lists all of them first.
struct Kind {
  std::string name;
  std::string (*item)();
};

std::string name_of(const ::testing::TestParamInfo<Kind>& kind) { return kind.param.name; }

const Kind kText{"Text", [] { return std::string("caf\xc3\xa9 au lait"); }};
const Kind kEmpty{"Empty", [] { return std::string(); }};
const Kind kNotUtf8{"NotUtf8", [] { return std::string("\xff\xfe\x80 caf\xe9"); }};
const Kind kWithNewlines{"WithNewlines", [] { return std::string("\none\r\ntwo\n\n"); }};
const Kind kWithZeroBytes{"WithZeroBytes", [] { return std::string("\0a\0\0b\0", 6); }};
const Kind kOneMegabyte{"OneMegabyte", [] { return bytes(1 << 20); }};
const Kind kTenMegabytes{"TenMegabytes", [] { return bytes(10 << 20); }};
const Kind kLikeAnOption{"LikeAnOption", [] { return std::string("--help"); }};
const Kind kOfQuotes{"OfQuotes", [] { return std::string(R"('"$(x)`\'*)"); }};
const Kind kLong{"Long", [] { return std::string(100'000, 'x'); }};

class AnyItem : public Items, public ::testing::WithParamInterface<Kind> {};

TEST_P(AnyItem, ComesIntactOnStdin) {
  const std::string item = GetParam().item();
  push_file(item);
  EXPECT_EQ(work({"--results", "--results-max-bytes", "16M"}, {"cat"}), 0);
  const std::vector<Result> found = open_queue().results("", 10);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_TRUE(found.front().item == item);
  EXPECT_TRUE(found.front().result == item);
}

TEST_P(AnyItem, HasTheDigestThatItsEnvironmentSays) {
  push_file(GetParam().item());
  EXPECT_EQ(work({"--results", "--max-attempts", "1", "--fail-on-dead"},
                 {"sh", "-c", R"sh(test "$(sha224sum)" = "$WQ_ITEM_SHA224  -")sh"}),
            0);
}

TEST_P(AnyItem, IsListedByWqctlAsItIs) {
  const std::string item = GetParam().item();
  push_file(item);
  EXPECT_EQ(work({"--results"}, {"wc", "-c"}), 0);
  const auto json = nlohmann::json::parse(ctl({"results", "q"}));
  EXPECT_EQ(json.at("result"), std::to_string(item.size()) + "\n");
  if (json.contains("item")) {
    EXPECT_TRUE(json.at("item") == item);
  } else {
    EXPECT_EQ(json.at("item_base64").get<std::string>().size(), (item.size() + 2) / 3 * 4);
  }
}

INSTANTIATE_TEST_SUITE_P(Each, AnyItem,
                         ::testing::Values(kText, kEmpty, kNotUtf8, kWithNewlines, kWithZeroBytes,
                                           kOneMegabyte, kTenMegabytes),
                         name_of);

class AnyArgument : public Items, public ::testing::WithParamInterface<Kind> {};

TEST_P(AnyArgument, ComesIntactAsAnArgumentAndInTheEnvironment) {
  const std::string item = GetParam().item();
  push_file(item);
  Process worker = this->worker({"--results", "--max-attempts", "1"},
                                {"sh", "-c", R"(printf %s "$1"; printf %s "$WQ_ITEM")", "_", "{}"});
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  const std::vector<Result> found = open_queue().results("", 10);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_TRUE(found.front().result == item + item) << found.front().result;
}

INSTANTIATE_TEST_SUITE_P(Each, AnyArgument,
                         ::testing::Values(kText, kEmpty, kNotUtf8, kWithNewlines, kLikeAnOption,
                                           kOfQuotes, kLong),
                         name_of);

TEST_F(Items, ThatHoldAZeroByteAreDeadAtOnceWhereTheyMustBeArguments) {
  const std::string item("a\0b", 3);
  push({item, "good"});
  EXPECT_EQ(work({}, {"true", "{}"}), 0);
  expect_dead_as_unpassable(item);
}

TEST_F(Items, ThatAreTooLongAreDeadAtOnceWhereTheyMustBeArguments) {
  const std::string item(10 << 20, 'x');
  push({item, "good"});
  EXPECT_EQ(work({}, {"true", "{}"}), 0);
  expect_dead_as_unpassable(item);
}

TEST_F(Items, ThatAreTooLongTogetherWithTheRestOfAnArgumentAreDeadAtOnce) {
  const std::string item(70'000, 'x');
  push({item, "good"});
  EXPECT_EQ(work({}, {"true", "{}{}"}), 0);
  expect_dead_as_unpassable(item);
}

TEST_F(Items, ThatAreEqualRunOnceOrTwiceAndAreNotLost) {
  push({"same", "same", "other"});
  EXPECT_EQ(work({"--results", "--concurrency", "3"}, {"printf", "%s", "{}"}), 0);
  const auto found = results();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found.at("other"), Words{"other"});
  EXPECT_GE(found.at("same").size(), 1U);
  EXPECT_LE(found.at("same").size(), 2U);
  EXPECT_TRUE(counts().drained());
}

}  // namespace
}  // namespace wq::test
