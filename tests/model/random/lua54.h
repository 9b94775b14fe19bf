#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "redis/reply.h"

struct lua_State;
struct redisContext;

namespace wq::test::random {

/// Carries out scripts as servers do whose Lua is 5.4, such as Dragonfly; their commands go to a
/// real Redis. Stricter than any of them: what Lua 5.1 alone has is an error, and so are a key that
/// is not in KEYS, a fraction or a float (3.0) that is passed to a command or answered, and a
/// global that does not exist.
class Lua54 {
 public:
  /// `socket`: of the Redis.
  explicit Lua54(const std::string& socket);

  /// The answer; the error is one of Redis, or `std::runtime_error` if it is one of the script.
  [[nodiscard]] internal::Reply run(std::string_view text, std::span<const std::string> keys,
                                    std::span<const std::string> arguments);

 private:
  struct Close {
    void operator()(lua_State* lua) const noexcept;
    void operator()(redisContext* redis) const noexcept;
  };

  std::unique_ptr<lua_State, Close> lua_;
  std::unique_ptr<redisContext, Close> redis_;
};

}  // namespace wq::test::random
