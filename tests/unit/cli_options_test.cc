#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/nearest.h"
#include "cli/options.h"
#include "unit/cli_environment.h"

namespace wq::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

/// A program with an option of each kind.
class OptionsTest : public testing::Test {
 protected:
  OptionsTest() {
    options_.group("Work");
    options_.add_duration("lease", lease_, "how long");
    options_.add_number("concurrency", concurrency_, "how many", 1);
    options_.add_size("max-bytes", max_bytes_, "how large", 1024);
    options_.add_switch("once", once_, "only once");
    options_.add_text("marker,I", Value::text("STR"), marker_, "replace STR");
    options_.add_list("file", Value::file(), files_, "what is read");
    options_.add_choice<int>("colour", colour_, {{"red", 1}, {"blue", 2}}, "which");
  }

  bool parse(std::vector<const char*> words) {
    words.insert(words.begin(), "test");
    return options_.parse(static_cast<int>(words.size()), words.data());
  }

  std::string refusal(std::vector<const char*> words) {
    try {
      (void)parse(std::move(words));
    } catch (const UsageError& error) {
      return error.what();
    }
    return "accepted";
  }

  std::chrono::milliseconds lease_{std::chrono::seconds{60}};
  unsigned concurrency_ = 1;
  std::uint64_t max_bytes_ = 512;
  bool once_ = false;
  std::string marker_ = "{}";
  std::vector<std::string> files_;
  int colour_ = 1;
  Options options_{
      {.name = "test", .env_prefix = "WQ_TEST_", .summary = "Tests.\n", .ending = "The end.\n"}};
  test::Environment environment_;
};

TEST_F(OptionsTest, LeaveVariablesAsTheyAreWhenNothingIsGiven) {
  EXPECT_TRUE(parse({}));
  EXPECT_EQ(lease_, std::chrono::seconds{60});
  EXPECT_EQ(concurrency_, 1U);
  EXPECT_FALSE(once_);
  EXPECT_EQ(marker_, "{}");
}

TEST_F(OptionsTest, AreReadInEveryFormThatUsersKnow) {
  EXPECT_TRUE(parse({"--lease", "5m", "--concurrency=8", "--max-bytes", "1K", "--once", "-I%",
                     "--file", "a", "--file", "b", "--colour", "blue"}));
  EXPECT_EQ(lease_, std::chrono::minutes{5});
  EXPECT_EQ(concurrency_, 8U);
  EXPECT_EQ(max_bytes_, 1024U);
  EXPECT_TRUE(once_);
  EXPECT_EQ(marker_, "%");
  EXPECT_THAT(files_, ElementsAre("a", "b"));
  EXPECT_EQ(colour_, 2);
}

TEST_F(OptionsTest, TakeAValueThatIsEmptyOrBeginsWithADash) {
  EXPECT_TRUE(parse({"-I", ""}));
  EXPECT_EQ(marker_, "");
  EXPECT_TRUE(parse({"-I", "-x"}));
  EXPECT_EQ(marker_, "-x");
}

TEST_F(OptionsTest, CountTheLastOneWhenGivenTwice) {
  EXPECT_TRUE(parse({"--lease", "1s", "--lease", "2s"}));
  EXPECT_EQ(lease_, std::chrono::seconds{2});
}

TEST_F(OptionsTest, ASwitchDoesNotSwallowTheArgumentBehindIt) {
  EXPECT_TRUE(parse({"--once", "item"}));
  EXPECT_THAT(options_.arguments(), ElementsAre("item"));
}

TEST_F(OptionsTest, ArgumentsAndOptionsMayBeMixedUpToTheDashes) {
  EXPECT_TRUE(parse({"a", "--once", "b", "-", "--", "--lease", "--", "c"}));
  EXPECT_THAT(options_.arguments(), ElementsAre("a", "b", "-", "--lease", "--", "c"));
  EXPECT_EQ(options_.arguments_before_dashes(), 3U);
}

TEST_F(OptionsTest, AnUnknownOneIsRefusedWithTheNearestName) {
  EXPECT_EQ(refusal({"--leese", "1s"}), "unknown option '--leese', did you mean '--lease'?");
  EXPECT_EQ(refusal({"--leese=1s"}), "unknown option '--leese', did you mean '--lease'?");
  EXPECT_EQ(refusal({"--conc", "1"}), "unknown option '--conc', did you mean '--concurrency'?");
  EXPECT_EQ(refusal({"--hlep"}), "unknown option '--hlep', did you mean '--help'?");
  EXPECT_EQ(refusal({"--something-else"}), "unknown option '--something-else'; --help lists them");
  EXPECT_EQ(refusal({"-z"}), "unknown option '-z'; --help lists them");
}

TEST_F(OptionsTest, ABadValueIsRefusedWithTheOptionsName) {
  EXPECT_THAT(refusal({"--lease", "60"}), HasSubstr("--lease: '60' has no unit"));
  EXPECT_THAT(refusal({"--concurrency", "0"}), HasSubstr("--concurrency: '0' is not a whole"));
  EXPECT_THAT(refusal({"--concurrency", "-1"}), HasSubstr("--concurrency: '-1' is not a whole"));
  EXPECT_THAT(refusal({"--concurrency", "4294967296"}), HasSubstr("from 1 to 4294967295"));
  EXPECT_EQ(refusal({"--max-bytes", "2K"}), "--max-bytes: '2K' is too large: at most 1K");
  EXPECT_EQ(refusal({"--colour", "green"}),
            "--colour: 'green' is invalid: must be one of red|blue");
}

TEST_F(OptionsTest, AValueThatIsMissingOrNotWantedIsRefused) {
  EXPECT_THAT(refusal({"--lease"}), HasSubstr("'--lease' is missing"));
  EXPECT_THAT(refusal({"--lease="}), HasSubstr("--lease: the value after = is missing"));
  EXPECT_THAT(refusal({"--once=1"}), HasSubstr("'--once' does not take any arguments"));
}

TEST_F(OptionsTest, AreReadFromTheEnvironmentToo) {
  environment_.set("WQ_TEST_LEASE", "5m");
  environment_.set("WQ_TEST_MAX_BYTES", "1K");
  environment_.set("WQ_TEST_ONCE", "1");
  environment_.set("WQ_TEST_FILE", "a");
  EXPECT_TRUE(parse({}));
  EXPECT_EQ(lease_, std::chrono::minutes{5});
  EXPECT_EQ(max_bytes_, 1024U);
  EXPECT_TRUE(once_);
  EXPECT_THAT(files_, ElementsAre("a"));
}

TEST_F(OptionsTest, TheCommandLineWinsOverTheEnvironment) {
  environment_.set("WQ_TEST_LEASE", "not even read");
  environment_.set("WQ_TEST_FILE", "a");
  EXPECT_TRUE(parse({"--lease", "2s", "--file", "b"}));
  EXPECT_EQ(lease_, std::chrono::seconds{2});
  EXPECT_THAT(files_, ElementsAre("b"));
}

TEST_F(OptionsTest, AnEmptyVariableCountsAsNotSet) {
  environment_.set("WQ_TEST_LEASE", "");
  environment_.set("WQ_TEST_ONCE", "");
  environment_.set("WQ_TEST_MARKER", "");
  EXPECT_TRUE(parse({}));
  EXPECT_EQ(lease_, std::chrono::seconds{60});
  EXPECT_FALSE(once_);
  EXPECT_EQ(marker_, "{}");
}

TEST_F(OptionsTest, AVariableThatSaysNoLeavesASwitchOff) {
  environment_.set("WQ_TEST_ONCE", "0");
  EXPECT_TRUE(parse({}));
  EXPECT_FALSE(once_);
}

TEST_F(OptionsTest, ABadValueFromTheEnvironmentNamesTheVariable) {
  environment_.set("WQ_TEST_LEASE", "5");
  EXPECT_THAT(refusal({}), HasSubstr("$WQ_TEST_LEASE: '5' has no unit"));
}

TEST_F(OptionsTest, AVariableWithASlipOfTheFingerIsWarnedOf) {
  environment_.set("WQ_TEST_LEESE", "5m");
  EXPECT_TRUE(parse({}));
  EXPECT_THAT(options_.warnings(),
              ElementsAre("$WQ_TEST_LEESE is not an option of this program, did "
                          "you mean '$WQ_TEST_LEASE'?"));
}

TEST_F(OptionsTest, VariablesThatKubernetesSetsForAServiceAreNotWarnedOf) {
  environment_.set("WQ_TEST_PORT", "tcp://10.0.0.1:80");
  environment_.set("WQ_TEST_SERVICE_HOST", "10.0.0.1");
  EXPECT_TRUE(parse({}));
  EXPECT_THAT(options_.warnings(), IsEmpty());
}

TEST_F(OptionsTest, HelpShowsGroupsDefaultsAndTheVariables) {
  const std::string help = options_.help();
  EXPECT_THAT(help, HasSubstr("Usage: test [OPTIONS]\n\nTests.\n\nWork:\n"));
  EXPECT_THAT(help, HasSubstr("--lease TIME"));
  EXPECT_THAT(help, HasSubstr("how long [default: 60s]"));
  EXPECT_THAT(help, HasSubstr("how large [default: 512]"));
  EXPECT_THAT(help, HasSubstr("-I [ --marker ] STR"));
  EXPECT_THAT(help, HasSubstr("--colour red|blue"));
  EXPECT_THAT(help, HasSubstr("which [default: red]"));
  EXPECT_THAT(help, HasSubstr("--lease is $WQ_TEST_LEASE"));
  EXPECT_THAT(help, HasSubstr("\nThe end.\n"));
}

TEST_F(OptionsTest, HelpFitsIntoAHundredColumns) {
  std::size_t longest = 0;
  std::size_t begin = 0;
  const std::string help = options_.help();
  for (std::size_t end = 0; (end = help.find('\n', begin)) != std::string::npos; begin = end + 1) {
    longest = std::max(longest, end - begin);
  }
  EXPECT_GT(longest, 0U);
  EXPECT_LE(longest, 100U);
}

TEST(OptionsOnTheCommandLine, AreNotReadFromTheEnvironmentButTheUserIsTold) {
  test::Environment environment;
  environment.set("WQ_TEST_BOLD", "1");
  bool bold = false;
  Options options{{.name = "test", .env_prefix = "WQ_TEST_"}};
  options.add_switch("bold", bold, "dare it");
  options.only_on_command_line();
  const char* const words[] = {"test"};
  ASSERT_TRUE(options.parse(1, words));
  EXPECT_FALSE(bold);
  EXPECT_FALSE(options.given("bold"));
  EXPECT_THAT(options.warnings(), ElementsAre(HasSubstr("$WQ_TEST_BOLD is ignored")));
  EXPECT_THAT(options.help(), HasSubstr("only on the command"));
}

/// `--all` and `--one`, which counts only with it, and `--other`, which excludes it.
std::string option_refusal(std::vector<const char*> words) {
  bool all = false;
  std::string one;
  bool other = false;
  Options options{{.name = "test", .env_prefix = "WQ_TEST_"}};
  options.add_switch("all", all, "all of it");
  options.add_text("one", Value::text("TEXT"), one, "a part");
  options.only_with({"all"});
  options.add_switch("other", other, "another way");
  options.not_with({"all"});
  EXPECT_THAT(options.help(), HasSubstr("a part [only with --all]"));
  EXPECT_THAT(options.help(), HasSubstr("another way [not with --all]"));
  words.insert(words.begin(), "test");
  try {
    static_cast<void>(options.parse(static_cast<int>(words.size()), words.data()));
  } catch (const UsageError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(OptionsThatBelongToAnother, AreRefusedWithoutItOrWithIt) {
  EXPECT_EQ(option_refusal({"--one", "x"}), "--one needs --all");
  EXPECT_EQ(option_refusal({"--one", "x", "--all"}), "accepted");
  EXPECT_EQ(option_refusal({"--other"}), "accepted");
  EXPECT_EQ(option_refusal({"--all", "--other"}), "--other cannot be combined with --all");
}

TEST(OptionsThatBelongToAnother, AreHeldToWhatTheEnvironmentSays) {
  test::Environment environment;
  environment.set("WQ_TEST_ALL", "0");
  EXPECT_EQ(option_refusal({"--one", "x"}), "--one needs --all");
  EXPECT_EQ(option_refusal({"--other"}), "accepted");
  environment.set("WQ_TEST_ALL", "1");
  EXPECT_EQ(option_refusal({"--one", "x"}), "accepted");
  EXPECT_EQ(option_refusal({"--other"}), "--other cannot be combined with --all");
}

TEST(Usage, IsMadeOfWhatIsDeclared) {
  const ProgramText text{.name = "prog",
                         .command = "go",
                         .needed_options = "--queue QUEUE",
                         .arguments = {{Value::choice({"red", "blue"})},
                                       {.value = Value::file(), .optional = true, .many = true}},
                         .behind_dashes = "COMMAND"};
  EXPECT_EQ(text.form(), "prog go --queue QUEUE red|blue [FILE...] -- COMMAND");
  EXPECT_EQ(text.usage(), "prog go --queue QUEUE red|blue [FILE...] [OPTIONS] -- COMMAND");
}

TEST(Nearest, FindsMissingAddedChangedAndSwappedLetters) {
  const std::vector<std::string> names{"status", "results", "gc"};
  EXPECT_EQ(nearest("statu", names), "status");
  EXPECT_EQ(nearest("sttaus", names), "status");
  EXPECT_EQ(nearest("resultss", names), "results");
  EXPECT_EQ(nearest("gd", names), "gc");
}

TEST(Nearest, FindsNothingForAWordThatIsFarFromAll) {
  EXPECT_EQ(nearest("purge", {"status", "results", "gc"}), std::nullopt);
  EXPECT_EQ(nearest("x", {}), std::nullopt);
}

TEST(Nearest, PutsTheMostLikelyNamesFirst) {
  const std::vector<std::string> queues{"pages", "shards-2", "shards", "zebra"};
  EXPECT_THAT(nearest_first("shadrs", queues, 2), ElementsAre("shards", "shards-2"));
  EXPECT_THAT(nearest_first("shards", queues, 9), SizeIs(4));
  EXPECT_THAT(nearest_first("shards", {}, 9), IsEmpty());
}

}  // namespace
}  // namespace wq::cli
