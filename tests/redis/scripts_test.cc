// protocol.json against the scripts as they are built and as Redis carries them out.
#include <algorithm>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <wq/failure_kind.h>
#include <wq/lease.h>

#include "script/script.h"
#include "support/paths.h"
#include "support/queue_test.h"

namespace wq::test {
namespace {

using ::testing::ElementsAreArray;
using Json = nlohmann::json;

const Json& protocol() {
  static const Json json = Json::parse(std::ifstream(kProtocol));
  return json;
}

std::string name_of(Key key) {
  return protocol().at("keys").at(static_cast<std::size_t>(key)).at("name");
}

TEST(Protocol, NamesEveryKeyThatExistsOnce) {
  const Json& keys = protocol().at("keys");
  ASSERT_EQ(keys.size(), internal::kKeyCount);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    EXPECT_EQ(keys[i].at("suffix"), internal::kKeyKinds.at(i).suffix);
    EXPECT_EQ(keys[i].at("type"), internal::kKeyKinds.at(i).type);
  }
}

TEST(Protocol, NamesEveryKindOfFailure) {
  std::size_t i = 0;
  for (const Json& kind : protocol().at("failure_kinds")) {
    const std::string name = kind.at("name");
    EXPECT_EQ(text(static_cast<FailureKind>(i)), name);
    EXPECT_EQ(failure_kind(name), static_cast<FailureKind>(i));
    ++i;
  }
  EXPECT_EQ(i, static_cast<std::size_t>(FailureKind::other) + 1);
}

TEST(Protocol, NamesEveryScriptWithItsText) {
  const auto scripts = internal::all_scripts();
  const Json& declared = protocol().at("scripts");
  ASSERT_EQ(declared.size(), scripts.size());
  for (std::size_t i = 0; i < scripts.size(); ++i) {
    EXPECT_EQ(declared[i].at("name"), scripts[i]->name);
    EXPECT_EQ(declared[i].at("sha1"), scripts[i]->sha1);
    EXPECT_EQ(declared[i].at("text"), scripts[i]->text);
  }
}

TEST(Protocol, LetsAttachLookAtEveryKeyThatExistsOnceAndAtTheFenceFirst) {
  std::vector<Key> expected = {Key::fence};
  for (std::size_t i = 0; i < internal::kKeyCount; ++i) {
    if (static_cast<Key>(i) != Key::fence) expected.push_back(static_cast<Key>(i));
  }
  EXPECT_THAT(internal::scripts::attach.keys, ElementsAreArray(expected));
}

// A call of a script by its declaration alone, with so many of what may be many.
class DeclaredCall {
 public:
  DeclaredCall(const Json& script, const internal::Keys& keys, std::size_t many, bool optional)
      : keys_(keys), many_(many), optional_(optional) {
    for (const Json& key : script.at("keys")) add_key(key.get<std::string>());
    for (const Json& rest : script.at("rest")) {
      if (rest.at("name") == "queue") {  // one, as the least count of the arguments
        const internal::Keys other("other");
        for (const Json& key : rest.at("keys")) all_keys.push_back(other[key_of(key)]);
        continue;
      }
      counts_[rest.at("name")] = many;
      for (std::size_t i = 0; i < many; ++i) add_key(rest.at("name").get<std::string>());
    }
    counts_["key"] = all_keys.size();
    add(script.at("arguments"));
  }

  std::vector<std::string> all_keys;
  std::vector<std::string> arguments;

 private:
  void add_key(const std::string& name) {
    const std::string number = std::to_string(all_keys.size());
    if (name == "lease") {
      all_keys.push_back(keys_.lease(hash_item(number)));
    } else if (name == "replay" || name == "pushing") {
      all_keys.push_back(name == "replay" ? keys_.replay(number) : keys_.pushing(number));
    } else if (name == "registry") {
      all_keys.emplace_back(internal::kRegistryKey);
    } else if (name == "any") {
      all_keys.push_back(keys_.queue() + ":any");
    } else {
      all_keys.push_back(keys_[key_of(name)]);
    }
  }

  static Key key_of(const std::string& name) {
    std::size_t at = 0;
    while (name_of(static_cast<Key>(at)) != name) ++at;
    return static_cast<Key>(at);
  }

  void add(const Json& declared) {
    for (const Json& each : declared) {
      if (each.contains("arguments")) {
        if (each.contains("optional") && !optional_) continue;
        std::size_t times = each.contains("repeated") ? many_ : 1;
        if (each.contains("each")) times = counts_.at(each.at("each"));
        for (std::size_t i = 0; i < times; ++i) add(each.at("arguments"));
        if (!each.contains("repeated")) continue;
        for (const Json& inner : each.at("arguments")) {
          if (inner.contains("name")) counts_[inner.at("name")] = times;
        }
      } else {
        arguments.push_back(word(each));
      }
    }
  }

  std::string word(const Json& argument) {
    const std::string type = argument.at("type");
    if (argument.contains("choices")) return argument.at("choices").at(0);
    if (argument.at("name") == "command") return "RPUSH";
    if (type == "sha224") return std::string(28, 'h');
    if (type == "json") return "{}";
    if (type == "flag") return optional_ ? "1" : "0";
    if (type != "integer") return "1";  // some of these are numbers, depending on the others
    const auto least = std::max(argument.value("min", std::int64_t{1}), std::int64_t{1});
    counts_[argument.at("name")] = static_cast<std::size_t>(least);
    return std::to_string(least);
  }

  const internal::Keys& keys_;
  std::size_t many_;
  bool optional_;
  std::map<std::string, std::size_t> counts_;
};

// How many elements a declared answer such as "{a, {b, c...}}" has; nothing if any number.
std::optional<std::size_t> elements_of(std::string_view declared) {
  std::size_t commas = 0;
  int depth = 0;
  for (std::size_t i = 0; i < declared.size(); ++i) {
    if (declared[i] == '{') ++depth;
    if (declared[i] == '}') --depth;
    if (depth == 1 && declared[i] == ',') ++commas;
    if (depth == 1 && declared.substr(i, 3) == "...") return std::nullopt;
  }
  return declared == "{}" ? 0 : commas + 1;
}

bool looks_like(internal::Value answer, std::string_view declared) {
  if (declared == "any") return true;
  if (answer.is_nil()) return declared == "nil";
  if (answer.is_array()) {
    return declared.starts_with('{') &&
           elements_of(declared).value_or(answer.size()) == answer.size();
  }
  if (declared.starts_with('\'')) {
    return answer.is_text() && declared == "'" + std::string(answer.text()) + "'";
  }
  if (declared.starts_with('{') || declared == "nil") return false;
  const bool is_number = declared.find_first_not_of("-0123456789") == std::string_view::npos;
  return !is_number || (!answer.is_text() && std::to_string(answer.integer()) == declared);
}

class Scripts : public QueueTest {
 protected:
  Reply call(const Json& script, const DeclaredCall& call) {
    internal::CommandBuffer eval;
    eval.begin(3 + call.all_keys.size() + call.arguments.size());
    eval.arg("EVAL");
    eval.arg(script.at("text").get_ref<const std::string&>());
    eval.arg(call.all_keys.size());
    for (const std::string& key : call.all_keys) eval.arg(key);
    for (const std::string& argument : call.arguments) eval.arg(argument);
    redis_.connection().send(eval);
    return redis_.connection().receive();
  }
};

// Redis answers with an error where a script needs a key or an argument that its call does not
// have.
TEST_F(Scripts, RunWithWhatTheyDeclareAndAnswerWhatTheyDeclare) {
  conserves_ = false;
  for (const Json& script : protocol().at("scripts")) {
    for (const bool optional : {false, true}) {
      redis_.call({"FLUSHALL"});
      const DeclaredCall declared(script, keys_, 2, optional);
      if (optional) push({"a", "b", "c"});
      for (const std::string& key : declared.all_keys) {
        const bool is_replay = key.find(":replay:") != std::string::npos && !key.ends_with("ing");
        if (optional && is_replay) redis_.call({"HSET", key, "floor", "0"});
      }
      const Reply reply = call(script, declared);
      ASSERT_FALSE(reply.value().is_error()) << script.at("name") << ": " << reply.value().text();
      const Json& answers = script.at("answers");
      EXPECT_TRUE(std::any_of(answers.begin(), answers.end(), [&](const Json& each) {
        return looks_like(reply.value(), each.at("answer").get<std::string>());
      })) << script.at("name");
    }
  }
}

TEST_F(Scripts, AreKnownToRedisByTheShaThatTheCodeUses) {
  for (const internal::Script* script : internal::all_scripts()) {
    EXPECT_EQ(redis_.text({"SCRIPT", "LOAD", script->text}), script->sha1) << script->name;
  }
}

}  // namespace
}  // namespace wq::test
