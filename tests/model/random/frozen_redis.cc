#include "model/random/frozen_redis.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <optional>
#include <span>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/printable.h"

namespace wq::test::random {
namespace {

using internal::CommandBuffer;
using internal::printable;
using internal::Reply;
using internal::Value;

// A variable of the environment for as long as the object lives: for a process that is started.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) {
    if (const char* const before = std::getenv(name)) before_ = before;
    ::setenv(name, value.c_str(), 1);
  }
  ~Variable() {
    if (before_) {
      ::setenv(name_, before_->c_str(), 1);
    } else {
      ::unsetenv(name_);
    }
  }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
  std::optional<std::string> before_;
};

// Reads "*3\r\n" or "$3\r\n" and moves behind it.
std::size_t take_length(std::string_view bytes, std::size_t& at) {
  std::size_t length = 0;
  const auto [end, error] =
      std::from_chars(bytes.data() + at + 1, bytes.data() + bytes.size(), length);
  if (error != std::errc{}) throw std::runtime_error("a command that cannot be read");
  at = static_cast<std::size_t>(end - bytes.data()) + 2;
  return length;
}

std::map<std::string, std::string> pairs(Value value) {
  std::map<std::string, std::string> result;
  for (std::size_t i = 0; i + 1 < value.size(); i += 2) {
    result.emplace(value[i].text(), value[i + 1].text());
  }
  return result;
}

constexpr std::int64_t kSomeTimeUs = 1'234'567'890'123'456;

}  // namespace

std::vector<std::string> texts(Value value) {
  std::vector<std::string> result;
  for (std::size_t i = 0; i < value.size(); ++i) result.emplace_back(value[i].text());
  return result;
}

std::vector<std::vector<std::string>> words_of(const CommandBuffer& pipeline) {
  const std::string_view bytes = pipeline.bytes();
  std::vector<std::vector<std::string>> commands;
  for (std::size_t at = 0; at < bytes.size();) {
    std::vector<std::string>& words = commands.emplace_back();
    for (std::size_t left = take_length(bytes, at); left > 0; --left) {
      const std::size_t length = take_length(bytes, at);
      words.emplace_back(bytes.substr(at, length));
      at += length + 2;
    }
  }
  return commands;
}

FrozenClock::FrozenClock() {
  const int file = ::open(path().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0 || ::ftruncate(file, sizeof(std::int64_t)) != 0) {
    throw std::system_error(errno, std::generic_category(), "cannot make " + path());
  }
  void* const page =
      ::mmap(nullptr, sizeof(std::int64_t), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  ::close(file);
  if (page == MAP_FAILED) {
    throw std::system_error(errno, std::generic_category(), "cannot map " + path());
  }
  shared_us_ = static_cast<volatile std::int64_t*>(page);
  set_us(kSomeTimeUs);
}

FrozenClock::~FrozenClock() {
  ::munmap(const_cast<std::int64_t*>(shared_us_), sizeof(std::int64_t));
}

FrozenRedis::FrozenRedis() {
  const Variable preload("LD_PRELOAD", WQ_FROZEN_CLOCK_LIBRARY);
  const Variable clock("WQ_FROZEN_CLOCK", clock_.path());
  server_ = std::make_unique<RedisServer>(std::vector<std::string>{"stream-node-max-entries 1"});
  connection_ = std::make_unique<internal::Connection>(server_->options());
  const Reply time = command({"TIME"});
  if (time.value().time().count() != kSomeTimeUs) {
    throw std::runtime_error("redis-server does not see the frozen clock; is " +
                             std::string(WQ_FROZEN_CLOCK_LIBRARY) + " there?");
  }
}

void FrozenRedis::change(const ScriptChange& change) {
  for (const internal::Script* script : internal::all_scripts()) {
    if (script->name != change.script) continue;
    std::string text(script->text);
    const std::size_t at = text.find(change.from);
    if (at == std::string::npos || text.find(change.from, at + 1) != std::string::npos) {
      throw std::invalid_argument(
          fmt::format("'{}' does not stand once in {}.lua", change.from, change.script));
    }
    text.replace(at, change.from.size(), change.to);
    const Reply sha1 = command({"SCRIPT", "LOAD", text});
    changed_.emplace(script->sha1, sha1.value().text());
    return;
  }
  throw std::invalid_argument(fmt::format("there is no script {}", change.script));
}

void FrozenRedis::use_lua54() { lua54_ = std::make_unique<Lua54>(server_->socket_path()); }

Reply FrozenRedis::run(const internal::Script& script, const CommandBuffer& call) {
  if (lua54_) {
    const std::vector<std::string> words =
        words_of(call).at(0);  // EVALSHA, the SHA-1, the number of keys
    const std::span<const std::string> all(words);
    const auto keys = static_cast<std::size_t>(std::stoul(words.at(2)));
    Reply answer = lua54_->run(script.text, all.subspan(3, keys), all.subspan(3 + keys));
    answer.checked();
    return answer;
  }
  send(call);
  Reply reply = receive();
  if (reply.has_error("NOSCRIPT")) {
    load(script);
    send(call);
    reply = receive();
  }
  reply.checked();
  return reply;
}

void FrozenRedis::load(const internal::Script& script) {
  internal::load_scripts(*connection_, {&script});
}

Reply FrozenRedis::command(std::initializer_list<std::string_view> words) {
  CommandBuffer pipeline;
  pipeline.command(words);
  connection_->send(pipeline);
  Reply reply = connection_->receive();
  reply.checked();
  return reply;
}

void FrozenRedis::send(const CommandBuffer& commands) {
  if (changed_.empty()) {
    connection_->send(commands);
    return;
  }
  CommandBuffer other;
  for (std::vector<std::string>& words : words_of(commands)) {
    const auto changed = words.size() > 1 ? changed_.find(words[1]) : changed_.end();
    if (words[0] == "EVALSHA" && changed != changed_.end()) words[1] = changed->second;
    other.begin(words.size());
    for (const std::string& word : words) other.arg(word);
  }
  connection_->send(other);
}

Contents FrozenRedis::contents() {
  const Reply keys = command({"KEYS", "*"});
  const std::vector<std::string> names = texts(keys.value());
  CommandBuffer ask;
  for (const std::string& name : names) ask.command({"TYPE", name});
  connection_->send(ask);
  std::vector<std::string> types;
  for (std::size_t i = 0; i < names.size(); ++i) {
    types.emplace_back(receive().checked().value().text());
  }
  ask.clear();
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i].ends_with(":distinct")) types[i] = "hyperloglog";
    append_look(ask, names[i], types[i]);
  }
  connection_->send(ask);
  Contents contents;
  for (std::size_t i = 0; i < names.size(); ++i) {
    std::string text = read_look(types[i]);
    if (!text.empty()) contents.emplace(names[i], std::move(text));  // else an empty stream
  }
  return contents;
}

void FrozenRedis::append_look(CommandBuffer& out, const std::string& key, std::string_view type) {
  if (type == "list") return out.command({"LRANGE", key, "0", "-1"});
  if (type == "zset") return out.command({"ZRANGE", key, "0", "-1", "WITHSCORES"});
  if (type == "set") return out.command({"SMEMBERS", key});
  if (type == "stream") {
    out.command({"XRANGE", key, "-", "+"});
  } else if (type == "hyperloglog") {
    out.command({"PFCOUNT", key});
  } else {
    out.command({type == "hash" ? "HGETALL" : "GET", key});
  }
  out.command({"PTTL", key});
}

std::string FrozenRedis::read_look(std::string_view type) {
  const Reply reply = receive();
  const Value value = reply.checked().value();
  if (type == "list") return render_list(texts(value));
  if (type == "zset") return render_pairs(pairs(value));
  if (type == "set") {
    std::vector<std::string> members = texts(value);
    std::sort(members.begin(), members.end());
    return render_list(members);
  }
  const Reply left = receive();
  const std::int64_t left_ms = left.checked().value().integer();
  if (type == "stream") {
    std::map<std::string, std::string> results;
    for (std::size_t i = 0; i < value.size(); ++i) {
      results.emplace(value[i][0].text(), render_list(texts(value[i][1])));
    }
    return results.empty() ? std::string() : render_hash(results, left_ms);
  }
  if (type == "hash") return render_hash(pairs(value), left_ms);
  if (type == "hyperloglog") {
    return render_string(fmt::format("{} different", value.integer()), left_ms);
  }
  return render_string(value.text(), left_ms);
}

std::string render_string(std::string_view value, std::int64_t left_ms) {
  return fmt::format("{} for {} ms\n", printable(value), left_ms);
}

std::string render_list(const std::vector<std::string>& items) {
  std::string text;
  for (const std::string& item : items) text += printable(item) + '\n';
  return text;
}

std::string render_pairs(const std::map<std::string, std::string>& pairs) {
  std::string text;
  for (const auto& [name, value] : pairs) {
    text += printable(name) + " = " + value + '\n';
  }
  return text;
}

std::string render_hash(const std::map<std::string, std::string>& pairs, std::int64_t left_ms) {
  return render_pairs(pairs) + (left_ms < 0 ? "" : fmt::format("for {} ms\n", left_ms));
}

}  // namespace wq::test::random
