// What the head of each script says against what the code gives it.
#include <algorithm>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "script/script.h"
#include "support/queue_test.h"

namespace wq::test {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAreArray;

std::string name_of(Key key) {
  const std::string_view suffix = internal::kKeyKinds.at(static_cast<std::size_t>(key)).suffix;
  return suffix.empty() ? "ready" : std::string(suffix.substr(1));
}

// What the head says behind "-- WHAT: ", lines that continue it included.
std::string head_line(std::string_view script, std::string_view what) {
  std::istringstream lines{std::string(script)};
  std::string found;
  std::string line;
  const std::string start = "-- " + std::string(what) + ": ";
  while (std::getline(lines, line) && line.starts_with("--")) {
    if (line.starts_with(start)) {
      found = line.substr(start.size());
    } else if (!found.empty() && line.starts_with("--   ")) {
      found += " " + line.substr(line.find_first_not_of(' ', 2));
    } else if (!found.empty()) {
      break;
    }
  }
  return found;
}

struct KeysLine {
  std::vector<std::string> names;  // of keys that exist once
  std::string rest;                // what other keys there are
};

KeysLine keys_line(const internal::Script& script) {
  std::vector<std::string> known;
  for (std::size_t i = 0; i < internal::kKeyCount; ++i) {
    known.push_back(name_of(static_cast<Key>(i)));
  }
  std::istringstream words{head_line(script.source.text, "KEYS")};
  KeysLine line;
  std::string word;
  while (words >> word) {
    std::string name = word;
    if (name.ends_with(',')) name.pop_back();
    if (!line.rest.empty() || std::find(known.begin(), known.end(), name) == known.end()) {
      line.rest += (line.rest.empty() ? "" : " ") + word;
    } else {
      line.names.push_back(name);
    }
  }
  return line;
}

std::vector<std::string> names_given(const internal::Script& script) {
  std::vector<std::string> names;
  for (const Key key : script.keys) names.push_back(name_of(key));
  return names;
}

TEST(ScriptHeads, NameTheKeysThatTheCodeGivesInTheSameOrder) {
  for (const internal::Script* script : internal::all_scripts()) {
    if (script->source.name == "attach") continue;
    EXPECT_THAT(keys_line(*script).names, ElementsAreArray(names_given(*script)))
        << script->source.name;
  }
}

TEST(ScriptHeads, AttachGetsEveryKeyThatExistsOnceAndTheFenceFirst) {
  std::vector<std::string> expected = {"fence"};
  for (std::size_t i = 0; i < internal::kKeyCount; ++i) {
    const Key key = static_cast<Key>(i);
    if (key != Key::fence) expected.push_back(name_of(key));
  }
  EXPECT_THAT(names_given(internal::scripts::attach), ElementsAreArray(expected));
}

TEST(ScriptHeads, NameTheOtherKeysInOneOfFewWays) {
  for (const internal::Script* script : internal::all_scripts()) {
    EXPECT_THAT(
        keys_line(*script).rest,
        AnyOf("", "lease", "lease...", "replay", "replay, pushing", "replay...",
              "the key of the command", "then every other key of the queue that exists once"))
        << script->source.name;
  }
}

TEST(ScriptHeads, SayWhatIsPassedAndWhatIsAnswered) {
  for (const internal::Script* script : internal::all_scripts()) {
    const std::string name(script->source.name);
    EXPECT_TRUE(script->source.text.starts_with("-- " + name + ": ")) << name;
    EXPECT_FALSE(head_line(script->source.text, "KEYS").empty()) << name;
    EXPECT_FALSE(head_line(script->source.text, "ARGV").empty()) << name;
    EXPECT_FALSE(head_line(script->source.text, "RETURNS").empty()) << name;
  }
}

using Scripts = QueueTest;

TEST_F(Scripts, AreKnownToRedisByTheShaThatTheCodeUses) {
  for (const internal::Script* script : internal::all_scripts()) {
    EXPECT_EQ(redis_.text({"SCRIPT", "LOAD", script->source.text}), script->source.sha1)
        << script->source.name;
  }
}

}  // namespace
}  // namespace wq::test
