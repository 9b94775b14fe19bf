#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "base/keys.h"
#include "model/random/lua54.h"
#include "redis/command_buffer.h"
#include "redis/connection.h"
#include "redis/reply.h"
#include "script/script.h"
#include "support/redis_server.h"
#include "support/temporary_folder.h"

namespace wq::test::random {

/// Everything that Redis holds, each key as a text.
using Contents = std::map<std::string, std::string>;

/// The commands of a pipeline, each as its words.
[[nodiscard]] std::vector<std::vector<std::string>> words_of(
    const internal::CommandBuffer& pipeline);

[[nodiscard]] std::vector<std::string> texts(internal::Value value);

/// A change of a script, to see that a wrong one is found.
struct ScriptChange {
  std::string_view script;
  std::string_view from;  ///< must occur there once
  std::string_view to;

  friend std::ostream& operator<<(std::ostream& out, const ScriptChange& each) {
    return out << each.script;
  }
};

/// A page of memory that holds a time and is shared through a file.
class FrozenClock {
 public:
  FrozenClock();
  ~FrozenClock();
  FrozenClock(const FrozenClock&) = delete;
  FrozenClock& operator=(const FrozenClock&) = delete;

  void set_us(std::int64_t now_us) noexcept { *shared_us_ = now_us; }
  [[nodiscard]] std::string path() const { return (folder_.path() / "clock").string(); }

 private:
  TemporaryFolder folder_;
  volatile std::int64_t* shared_us_ = nullptr;
};

/// A separate redis-server, whose clock advances only when a test sets it.
class FrozenRedis {
 public:
  /// What one XADD removes at the most: Redis stops after a hundred nodes, and here each of a
  /// stream's nodes has one entry, so that an approximate trim is an exact one.
  static constexpr std::size_t kMostTrimmed = 100;

  /// Throws `std::runtime_error` if the clock of the server is not the frozen one.
  FrozenRedis();

  /// Every command from here on sees this time.
  void set_time_us(std::int64_t now_us) noexcept { clock_.set_us(now_us); }

  /// Has Redis carry out another text in place of a script. Throws `std::invalid_argument` if there
  /// is nothing to change.
  void change(const ScriptChange& change);

  /// Has Lua 5.4 carry out what `run` is given from here on.
  void use_lua54();

  /// Carries out one call, or all of several, in order.
  internal::Reply run(const internal::Script& script, const internal::CommandBuffer& call);
  void load(const internal::Script& script);
  internal::Reply command(std::initializer_list<std::string_view> words);
  void send(const internal::CommandBuffer& commands);
  [[nodiscard]] internal::Reply receive() { return connection_->receive(); }

  [[nodiscard]] RedisOptions options() const { return server_->options(); }
  [[nodiscard]] Contents contents();

 private:
  static void append_look(internal::CommandBuffer& out, const std::string& key,
                          std::string_view type);
  [[nodiscard]] std::string read_look(std::string_view type);

  FrozenClock clock_;
  std::unique_ptr<RedisServer> server_;
  std::unique_ptr<internal::Connection> connection_;
  std::unique_ptr<Lua54> lua54_;
  std::map<std::string, std::string, std::less<>> changed_;  // SHA-1 of the script: of the other
};

// How values are written in `Contents`, also by the model.
[[nodiscard]] std::string render_string(std::string_view value, std::int64_t left_ms);
[[nodiscard]] std::string render_list(const std::vector<std::string>& items);
[[nodiscard]] std::string render_pairs(const std::map<std::string, std::string>& pairs);
[[nodiscard]] std::string render_hash(const std::map<std::string, std::string>& pairs,
                                      std::int64_t left_ms);

}  // namespace wq::test::random
