// Manual pages and completions, as they are installed, in the programs that read them.
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <wq/producer.h>

#include "e2e/programs.h"

namespace wq::test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

const std::vector<std::string> kPrograms{"wq-worker", "wq-push", "wqctl"};

std::string path_of(const std::string& program) {
  if (program == "wq-worker") return kWorkerProgram;
  return program == "wq-push" ? kPushProgram : kCtlProgram;
}

std::string described(const std::string& file) { return std::string(kDescriptions) + "/" + file; }

std::string output_of(const Words& command, ProcessOptions options = {}) {
  Process process(command, std::move(options));
  EXPECT_EQ(process.wait(), 0) << process.err();
  return process.out() + process.err();
}

bool exists(const std::string& program) {
  return Process({"sh", "-c", "command -v " + program}).wait() == 0;
}

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

Words words_of(const std::string& text) {
  std::istringstream stream(text);
  Words words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

/// The options that a --help shows: what begins its lines.
std::set<std::string> options_in(const std::string& help) {
  std::set<std::string> options;
  std::istringstream lines(help);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("  -")) continue;
    for (const std::string& word : words_of(line.substr(0, 33))) {
      if (word.size() > 1 && word.starts_with('-')) options.insert(word);
    }
  }
  return options;
}

/// The commands that `wqctl --help` lists.
Words wqctl_commands() {
  Words commands;
  std::istringstream lines(output_of({kCtlProgram, "--help"}));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("  ")) commands.push_back(words_of(line).front());
  }
  return commands;
}

/// What a page looks like in the source, without what only man(7) needs.
std::string plain(std::string page) {
  for (const char* drop : {"\\fB", "\\fI", "\\fR"}) {
    for (std::size_t at = 0; (at = page.find(drop)) != std::string::npos;) page.erase(at, 3);
  }
  for (std::size_t at = 0; (at = page.find("\\-")) != std::string::npos;) page.erase(at, 1);
  return page;
}

TEST(ManPage, HasEveryOptionOfHelp) {
  for (const std::string& program : kPrograms) {
    const Words page = words_of(plain(content_of(described("man1/" + program + ".1"))));
    std::string help = output_of({path_of(program), "--help"});
    if (program == "wqctl") {
      for (const std::string& command : wqctl_commands()) {
        help += output_of({kCtlProgram, command, "--help"});
        EXPECT_THAT(page, Contains(command));
      }
    }
    const auto options = options_in(help);
    EXPECT_GE(options.size(), 8U) << program;
    for (const std::string& option : options) {
      EXPECT_TRUE(std::find(page.begin(), page.end(), option) != page.end() ||
                  std::find(page.begin(), page.end(), option + ",") != page.end())
          << program << " " << option;
    }
  }
}

TEST(ManPage, IsShownWithoutAWarning) {
  if (!exists("man")) GTEST_SKIP() << "there is no man here";
  for (const std::string& program : kPrograms) {
    Process man({"man", "--warnings", "-Tutf8", "-l", described("man1/" + program + ".1")},
                {.environment = {{"LC_ALL", "C.UTF-8"}, {"MANROFFSEQ", ""}}});
    EXPECT_EQ(man.wait(), 0);
    EXPECT_EQ(man.err(), "");
    EXPECT_THAT(man.out(), HasSubstr("the version"));
  }
}

TEST(ManPage, HasNoMistakesForMandoc) {
  if (!exists("mandoc")) GTEST_SKIP() << "there is no mandoc here";
  for (const std::string& program : kPrograms) {
    Process mandoc({"mandoc", "-Tlint", "-Wwarning", described("man1/" + program + ".1")});
    static_cast<void>(mandoc.wait());
    std::istringstream lines(mandoc.out());
    for (std::string line; std::getline(lines, line);) {
      // On purpose: the same source makes the same page.
      EXPECT_THAT(line, HasSubstr("missing date")) << program;
    }
  }
}

class BashCompletion : public ::testing::Test {
 protected:
  /// What bash offers for the last of the words.
  [[nodiscard]] Words offered(const Words& words) const {
    const std::string script = R"sh(
      source "$1"; shift
      COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
      name=$(complete -p "$1") name=${name#*-F } name=${name%% *}
      "$name" "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
      ((${#COMPREPLY[@]})) && printf '%s\n' "${COMPREPLY[@]}"
      exit 0)sh";
    return words_of(output_of(
        Words{"bash", "--norc", "-c", script, "_", described("bash/" + words.front())} + words,
        {.folder = folder_.path().string()}));
  }

  TemporaryFolder folder_;
};

TEST_F(BashCompletion, OffersTheCommands) {
  Words expected = wqctl_commands() + Words{"--help", "--version"};
  EXPECT_THAT(offered({"wqctl", ""}), ::testing::UnorderedElementsAreArray(expected));
  EXPECT_THAT(offered({"wqctl", "sta"}), ElementsAre("status"));
  EXPECT_THAT(offered({"wqctl", "nonsense", "q", "-"}), IsEmpty());
}

TEST_F(BashCompletion, OffersEveryOptionOfHelp) {
  for (const std::string program : {"wq-worker", "wq-push"}) {
    const auto options = options_in(output_of({path_of(program), "--help"}));
    EXPECT_THAT(offered({program, "-"}), ::testing::UnorderedElementsAreArray(options));
  }
  for (const std::string& command : wqctl_commands()) {
    const auto options = options_in(output_of({kCtlProgram, command, "--help"}));
    EXPECT_THAT(offered({"wqctl", command, "q", "-"}),
                ::testing::UnorderedElementsAreArray(options));
  }
}

TEST_F(BashCompletion, OffersTheValuesOfAFixedSet) {
  EXPECT_THAT(offered({"wq-push", "--log-format", ""}), UnorderedElementsAre("text", "json"));
  EXPECT_THAT(offered({"wq-push", "--log-format", "=", ""}), UnorderedElementsAre("text", "json"));
  EXPECT_THAT(offered({"wq-push", "--log-format", "="}), UnorderedElementsAre("text", "json"));
  EXPECT_THAT(offered({"wq-push", "--log-format", "=", "j"}), ElementsAre("json"));
  EXPECT_THAT(offered({"wqctl", "status", "q", "--log-level", "w"}), ElementsAre("warning"));
  EXPECT_THAT(offered({"wq-worker", "--lease", ""}), IsEmpty());
}

TEST_F(BashCompletion, OffersFilesWhereTheyAreFiles) {
  folder_.file("todo list.txt", "");
  folder_.file("other", "");
  EXPECT_THAT(offered({"wq-push", "q", "--file", "tod"}), ElementsAre("todo", "list.txt"));
  EXPECT_THAT(offered({"wq-push", "q", "oth"}), ElementsAre("other"));
  EXPECT_THAT(offered({"wq-push", "--once", "--redis", "=", "url", "q", "oth"}),
              ElementsAre("other"));
  EXPECT_THAT(offered({"wq-push", "oth"}), IsEmpty()) << "that is the queue";
  EXPECT_THAT(offered({"wq-push", "--redis", "oth"}), IsEmpty());
}

TEST_F(BashCompletion, OffersCommandsAndThenFilesBehindTheDashesOfAWorker) {
  folder_.file("other", "");
  EXPECT_THAT(offered({"wq-worker", "--queue", "q", "--", "ech"}), Contains("echo"));
  EXPECT_THAT(offered({"wq-worker", "--queue", "q", "--", "sh", "oth"}), ElementsAre("other"));
  EXPECT_THAT(offered({"wq-worker", "--queue", "q", "--", "sh", "--lo"}), IsEmpty());
}

/// The completions that a shell offers for the name of a queue.
class QueueCompletion : public ProgramTest {
 protected:
  QueueCompletion() {
    std::filesystem::create_symlink(kCtlProgram, path("wqctl"));
    search_path_ = std::filesystem::path(path("wqctl")).parent_path().string() + ":" +
                   std::string(std::getenv("PATH"));
    for (const char* queue : {"shards", "proj:shards", "$(touch hit)", "two words"}) {
      Producer producer(queue, options());
      producer.push("a");
      producer.finish();
    }
  }

  /// `words`: as bash cuts them, the last one is completed.
  [[nodiscard]] Words by_bash(const Words& words, const std::string& redis) const {
    const std::string script = R"sh(
      source "$1"; shift
      COMP_LINE=$1; shift
      COMP_POINT=${#COMP_LINE} COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
      name=$(complete -p "$1") name=${name#*-F } name=${name%% *}
      "$name"
      ((${#COMPREPLY[@]})) && printf '%s\n' "${COMPREPLY[@]}"
      exit 0)sh";
    std::string line;
    for (const std::string& word : words) {
      const bool glued = word == ":" || line.ends_with(':') || line.empty();
      line += (glued ? "" : " ") + word;
    }
    return words_of(output_of(
        Words{"bash", "--norc", "-c", script, "_", described("bash/" + words.front()), line} +
            words,
        {.environment = {{"PATH", search_path_}, {"WQ_REDIS", redis}}}));
  }

  [[nodiscard]] Words by_zsh(const std::string& redis) const {
    const std::string script = R"sh(
      function _arguments() { : }
      function _describe() { : }
      function compadd() { print -rl -- $names }
      words=(wqctl) CURRENT=2
      source "$1" >/dev/null
      words=(status "") CURRENT=2
      _wq_queues WQCTL_)sh";
    return lines(output_of({"zsh", "-f", "-c", script, "_", described("zsh/_wqctl")},
                           {.environment = {{"PATH", search_path_}, {"WQCTL_REDIS", redis}}}));
  }

  std::string search_path_;
};

TEST_F(QueueCompletion, OffersTheNamesThatRedisHas) {
  const std::string url = server_.url();
  EXPECT_THAT(by_bash({"wqctl", "status", ""}, url), UnorderedElementsAre("shards", "proj:shards"));
  EXPECT_THAT(by_bash({"wqctl", "workers", "sh"}, url), ElementsAre("shards"));
  EXPECT_THAT(by_bash({"wq-push", "sh"}, url), ElementsAre("shards"));
  EXPECT_THAT(by_bash({"wq-worker", "--queue", "sh"}, url), ElementsAre("shards"));
  EXPECT_THAT(by_bash({"wqctl", "queues", "sh"}, url), IsEmpty()) << "that is a pattern";
}

TEST_F(QueueCompletion, CompletesBehindTheColonsAtWhichBashCutsWords) {
  const std::string url = server_.url();
  EXPECT_THAT(by_bash({"wqctl", "status", "proj", ":"}, url), ElementsAre("shards"));
  EXPECT_THAT(by_bash({"wqctl", "status", "proj", ":", "sh"}, url), ElementsAre("shards"));
  EXPECT_THAT(by_bash({"wq-worker", "--queue", "proj", ":", "sh"}, url), ElementsAre("shards"));
  EXPECT_THAT(by_bash({"wqctl", "ls", "proj", ":", "shards", "de"}, url),
              UnorderedElementsAre("dead", "delayed"));
}

TEST_F(QueueCompletion, AsksTheRedisThatTheCommandLineNames) {
  EXPECT_THAT(by_bash({"wqctl", "status", "--redis", "unix", ":", "//" + server_.socket_path(), ""},
                      "unix:///nowhere"),
              UnorderedElementsAre("shards", "proj:shards"));
}

TEST_F(QueueCompletion, NeverRunsWhatIsInAName) {
  EXPECT_THAT(by_bash({"wqctl", "status", "$"}, server_.url()), IsEmpty());
  EXPECT_FALSE(std::filesystem::exists("hit"));
}

TEST_F(QueueCompletion, IsSilentAndQuickWhenRedisDoesNotAnswer) {
  server_.freeze();
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_THAT(by_bash({"wqctl", "status", ""}, server_.url()), IsEmpty());
  const auto took = std::chrono::steady_clock::now() - begin;
  server_.thaw();
  EXPECT_LT(took, std::chrono::seconds{10}) << "one second and what the machine adds";
}

TEST_F(QueueCompletion, WorksInZshToo) {
  if (!exists("zsh")) GTEST_SKIP() << "there is no zsh here";
  EXPECT_THAT(by_zsh(server_.url()),
              UnorderedElementsAre("shards", "proj:shards", "$(touch hit)", "two words"));
}

TEST(ZshCompletion, IsUnderstoodByZsh) {
  if (!exists("zsh")) GTEST_SKIP() << "there is no zsh here";
  for (const std::string& program : kPrograms) {
    EXPECT_EQ(output_of({"zsh", "-f", "-n", described("zsh/_" + program)}), "");
    // #compdef is what makes zsh find it.
    EXPECT_THAT(content_of(described("zsh/_" + program)),
                ::testing::StartsWith("#compdef " + program + "\n"));
  }
}

}  // namespace
}  // namespace wq::test
