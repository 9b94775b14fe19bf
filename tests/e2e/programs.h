#pragma once

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>
#include <sys/prctl.h>

#include "support/eventually.h"
#include "support/paths.h"
#include "support/process.h"
#include "support/queue_test.h"
#include "support/temporary_folder.h"

namespace wq::test {

using Words = std::vector<std::string>;

inline Words operator+(Words first, const Words& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

/// A test of whole programs on a queue named q. When it is over, no process may be left besides
/// what the test itself holds, and no item may be missing.
class ProgramTest : public QueueTest {
 protected:
  explicit ProgramTest(std::vector<std::string> config = {}) : QueueTest(std::move(config)) {
    // An orphan becomes a child of the test, which sees it.
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  }

  void TearDown() override {
    if (!HasFailure()) QueueTest::TearDown();  // else Redis may be away
    EXPECT_TRUE(eventually([] { return stray_children().empty(); }, std::chrono::seconds{10}))
        << "processes were left behind";
    for (const pid_t stray : stray_children()) ::kill(stray, SIGKILL);
  }

  /// wq-worker on q: `options`, then `--` and the command.
  [[nodiscard]] Process worker(const Words& options, const Words& command,
                               ProcessOptions process = {}) const {
    return start(Words{kWorkerProgram, "--queue", "q"} + options + Words{"--"} + command,
                 std::move(process));
  }

  /// wq-push; the queue is among the arguments.
  [[nodiscard]] Process push_process(const Words& arguments, ProcessOptions process = {}) const {
    return start(Words{kPushProgram} + arguments, std::move(process));
  }

  [[nodiscard]] Process ctl_process(const Words& arguments, ProcessOptions process = {}) const {
    return start(Words{kCtlProgram} + arguments, std::move(process));
  }

  /// Runs wqctl to a good end and returns what it printed.
  [[nodiscard]] std::string ctl(const Words& arguments) const {
    Process process = ctl_process(arguments);
    const int code = process.wait();
    if (code != 0) {
      ADD_FAILURE() << "wqctl ended with " << code << ": " << process.err();
    }
    return process.out();
  }

  /// Runs a worker to its end and returns its exit code.
  [[nodiscard]] int work(const Words& options, const Words& command) const {
    return worker(options, command).wait();
  }

  /// Any program, with the Redis of the test in its environment unless `process` names another one.
  [[nodiscard]] Process start(const Words& command, ProcessOptions process = {}) const {
    process.environment.try_emplace("WQ_REDIS", server_.url());
    return Process(command, std::move(process));
  }

  /// What `wqctl results` prints: the results of each item. Only for what is valid UTF-8.
  [[nodiscard]] std::map<std::string, Words> results() const {
    std::map<std::string, Words> found;
    for (const std::string& line : lines(ctl({"results", "q"}))) {
      const auto json = nlohmann::json::parse(line);
      found[json.at("item")].push_back(json.at("result"));
    }
    return found;
  }

  /// Each of `items` with `result(item)` as its only result.
  template <typename Result>
  [[nodiscard]] static std::map<std::string, Words> exactly_once(const Words& items,
                                                                 Result result) {
    std::map<std::string, Words> expected;
    for (const std::string& item : items) expected[item] = {result(item)};
    return expected;
  }

  /// What is kept about the last failure of an item; null for none.
  [[nodiscard]] nlohmann::json failure_of(std::string_view item) {
    const auto text = redis_.text({"HGET", key(Key::failures), hash_of(item)});
    return text ? nlohmann::json::parse(*text) : nlohmann::json();
  }

  [[nodiscard]] static Words lines(const std::string& text) {
    Words found;
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t end = std::min(text.find('\n', begin), text.size());
      found.push_back(text.substr(begin, end - begin));
      begin = end + 1;
    }
    return found;
  }

  /// The text behind the first `label` up to the next white space.
  [[nodiscard]] static std::string word_after(const std::string& text, std::string_view label) {
    const std::size_t at = text.find(label);
    if (at == std::string::npos)
      throw std::runtime_error("no " + std::string(label) + ":\n" + text);
    const std::size_t begin = at + label.size();
    return text.substr(begin, text.find_first_of(" \r\n", begin) - begin);
  }

  [[nodiscard]] static pid_t pid_after(const std::string& text, std::string_view label) {
    return static_cast<pid_t>(std::stol(word_after(text, label)));
  }

  /// The path of a file in a folder of the test's own that does not exist yet.
  [[nodiscard]] std::string path(const std::string& name) const {
    return (folder_.path() / name).string();
  }
  std::string file(const std::string& name, std::string_view text) const {
    return folder_.file(name, text);
  }
  [[nodiscard]] static std::string content_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  TemporaryFolder folder_;
};

}  // namespace wq::test
