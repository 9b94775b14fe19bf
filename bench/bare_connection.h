#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <hiredis/hiredis.h>

namespace wq::bench {

/// hiredis and nothing else: what the baselines are made of. Throws `std::runtime_error` for
/// anything that goes wrong. Not thread-safe.
class BareConnection {
 public:
  struct Free {
    void operator()(redisReply* reply) const noexcept { freeReplyObject(reply); }
  };
  using Reply = std::unique_ptr<redisReply, Free>;

  explicit BareConnection(const std::string& socket_path);

  /// Adds a command to what is to be sent.
  void append(std::span<const std::string_view> words);
  void append(std::initializer_list<std::string_view> words) {
    append(std::span(words.begin(), words.size()));
  }
  /// Sends what was added.
  void send();
  /// The next reply.
  [[nodiscard]] Reply receive();
  /// The next `n` replies, each of which must be an integer; returns their sum.
  std::uint64_t receive_integers(std::size_t n);
  void discard(std::size_t n);
  /// Teaches Redis a script; returns its SHA-1.
  [[nodiscard]] std::string load(std::string_view script);

 private:
  struct Close {
    void operator()(redisContext* context) const noexcept { redisFree(context); }
  };

  std::unique_ptr<redisContext, Close> context_;
  std::vector<const char*> pointers_;
  std::vector<std::size_t> lengths_;
};

/// The text of a reply.
[[nodiscard]] inline std::string_view text_of(const redisReply& reply) {
  return {reply.str, static_cast<std::size_t>(reply.len)};
}

}  // namespace wq::bench
