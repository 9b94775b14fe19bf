#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <wq/redis_options.h>

#include "redis/connection.h"
#include "redis/reply.h"

namespace wq::test {

/// A look at the keys, past the library. Every call throws `ReplyError` if Redis answers with an
/// error, except `raw`.
class RedisClient {
 public:
  using Words = std::initializer_list<std::string_view>;

  explicit RedisClient(const RedisOptions& options);

  internal::Reply call(Words words);
  internal::Reply raw(Words words);
  std::int64_t integer(Words words);
  /// Nothing for nil.
  std::optional<std::string> text(Words words);
  std::vector<std::string> list(Words words);
  [[nodiscard]] bool exists(std::string_view key);
  [[nodiscard]] std::int64_t time_ms();

  [[nodiscard]] internal::Connection& connection() noexcept { return connection_; }

 private:
  internal::Connection connection_;
};

}  // namespace wq::test
