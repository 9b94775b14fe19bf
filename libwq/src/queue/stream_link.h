#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include <wq/clock.h>

#include "base/keys.h"
#include "queue/limits.h"
#include "queue/pop_size.h"
#include "queue/torn_aof.h"
#include "redis/command_buffer.h"
#include "redis/reconnecting_connection.h"

namespace wq::internal {

class LeaseStream;

/// What the `LeaseStream`s that send their requests over one connection share: the connection, the
/// order of the requests that are under way on it, and what answers have shown of the server. The
/// answers must be taken in the order of the requests. Not thread-safe.
class StreamLink {
 public:
  /// `link` must outlive it. No other code may use it while requests are under way.
  explicit StreamLink(ReconnectingConnection& link, PopSize pop_size = {});
  /// For several streams: they attach to their queues over `aside`, which is never used by others
  /// at the same time, since answers to requests of other streams may be under way on `link`.
  StreamLink(ReconnectingConnection& link, ReconnectingConnection& aside, PopSize pop_size);

  [[nodiscard]] ReconnectingConnection& link() noexcept { return link_; }

  /// The connection; a new one is prepared for requests. Throws as
  /// `ReconnectingConnection::connection`.
  Connection& connection();

  /// Sends commands. After `hold` they are kept and `flush` sends them all, so that the requests to
  /// several queues cost one system call.
  void send(const CommandBuffer& commands);
  void hold() noexcept { holding_ = true; }
  /// Throws as a stream's `post`.
  void flush();
  /// What was held, as a step of `ReconnectingConnection::run_step`.
  void send_held();

  /// Raises the fence of a queue, see attach.lua. Throws as `read_attach`.
  void attach(const Keys& keys);

  /// Notes a request of this stream, behind all others.
  void posted(LeaseStream& stream) { order_.push_back(&stream); }
  /// Notes that the first request was answered.
  void taken() { order_.pop_front(); }
  /// Drops the connection and with it all requests.
  void forget() noexcept;
  /// The connection broke. What was held is sent again with all other requests.
  void forget_held() noexcept { held_.clear(); }
  /// The streams of the requests under way, in their order.
  [[nodiscard]] const std::deque<LeaseStream*>& order() const noexcept { return order_; }

  [[nodiscard]] PopSize& pop_size() noexcept { return pop_size_; }
  [[nodiscard]] const PopSize& pop_size() const noexcept { return pop_size_; }
  /// Of several streams.
  [[nodiscard]] bool is_shared() const noexcept { return aside_ != nullptr; }

  /// The longest word that Redis takes, and the generation of the link when that was asked.
  struct WordLimit {
    std::size_t longest = kLongestWord;
    std::uint64_t generation = 0;
  };
  [[nodiscard]] WordLimit& word_limit() noexcept { return word_limit_; }

  /// Redis had memory, or had none, for leases that were asked for at this time the short way. Logs
  /// a change.
  void note_memory(bool full, TimePoint asked_at);
  /// Leases that are asked for now are better taken the longer way, see `append_lease`.
  [[nodiscard]] bool write_at_maxmemory(TimePoint now) const noexcept {
    return now < write_at_maxmemory_until_;
  }

 private:
  ReconnectingConnection& link_;
  ReconnectingConnection* const aside_ = nullptr;
  AofMender mender_;
  PopSize pop_size_;
  std::uint64_t prepared_ = 0;  // the generation of the link that was prepared
  WordLimit word_limit_;
  std::deque<LeaseStream*> order_;
  bool holding_ = false;
  CommandBuffer held_;
  TimePoint write_at_maxmemory_until_;
  bool full_ = false;  // Redis had no memory for a lease when it was last asked the short way
};

}  // namespace wq::internal
