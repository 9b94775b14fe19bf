#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <wq/error.h>

#include "base/url.h"

struct redisReply;

namespace wq::internal {

/// A node of a Redis Cluster does not have the keys, and named the node that does: the connection
/// leads to the wrong server. What was sent in the same pipeline before may have been executed.
class RedirectError : public ConnectionError {
  using ConnectionError::ConnectionError;
};

/// A view of one reply, or of one part of it. Valid as long as its `Reply`. The accessors throw
/// `ProtocolError` when the reply is of another kind.
class Value {
 public:
  explicit Value(const redisReply* reply) noexcept : reply_(reply) {}

  [[nodiscard]] bool is_nil() const noexcept;
  [[nodiscard]] bool is_error() const noexcept;
  [[nodiscard]] bool is_array() const noexcept;
  /// A bulk string or a status.
  [[nodiscard]] bool is_text() const noexcept;
  /// Of a bulk string, a status or an error.
  [[nodiscard]] std::string_view text() const;
  /// Of an integer, or of a text that is one.
  [[nodiscard]] std::int64_t integer() const;
  /// The same of a count; 0 if it is negative.
  [[nodiscard]] std::uint64_t count() const;
  /// Of an answer to TIME: since the epoch.
  [[nodiscard]] std::chrono::microseconds time() const;
  [[nodiscard]] std::int64_t time_ms() const { return time() / std::chrono::milliseconds{1}; }
  /// Of an array; nil counts as an empty one, as Redis answers a POP with a count on no list.
  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] Value operator[](std::size_t i) const;
  /// Of an array of texts: every `step`-th of them.
  [[nodiscard]] std::vector<std::string> texts(std::size_t step = 1) const;
  /// Throws if this is an error: `RefusedError` when Redis will go on refusing, `RedirectError`
  /// from a node of a cluster that does not have the keys, else `ReplyError`.
  const Value& checked() const;
  /// The node that has the keys, if this is the error of a node of a cluster that does not have
  /// them. The host is empty where that node does not know it.
  [[nodiscard]] std::optional<HostAndPort> moved_to() const;

 private:
  const redisReply* reply_;
};

/// One reply of Redis. Owns it.
class Reply {
 public:
  explicit Reply(redisReply* reply) noexcept : reply_(reply) {}

  [[nodiscard]] Value value() const noexcept { return Value(reply_.get()); }
  /// True if the reply is an error with this code (see `ReplyError::code`).
  [[nodiscard]] bool has_error(std::string_view code) const;
  /// True if it is the error of a server, or for a user, that does not have this command: managed
  /// services leave some out. Not if Redis cannot answer for the moment.
  [[nodiscard]] bool is_withheld() const;
  /// As `Value::checked`.
  const Reply& checked() const;

 private:
  struct Free {
    void operator()(redisReply* reply) const noexcept;
  };
  std::unique_ptr<redisReply, Free> reply_;
};

}  // namespace wq::internal
