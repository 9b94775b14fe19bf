#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "redis/connection.h"
#include "redis/reconnecting_connection.h"

namespace wq::internal {

/// Waits until replicas have what was written: WAIT, and WAITAOF where the server keeps an
/// append-only file and knows the command (Redis 7.2). Not thread-safe.
class Durability {
 public:
  /// `replicas`: how many must have it; zero: nothing is checked or waited for.
  explicit Durability(unsigned replicas) noexcept : replicas_(replicas) {}

  [[nodiscard]] bool wanted() const noexcept { return replicas_ > 0; }

  /// On each new connection, before anything is written on it. Throws `ReplyError` NOREPLICAS,
  /// which passes, if fewer replicas are connected, and `RefusedError` if the user may not ask. A
  /// server that is a replica itself passes: it refuses the writes.
  void check(Connection& redis);

  /// Waits on the connection that has just written until enough replicas have that write, and so
  /// all that this server executed before it; as long as a command may take, or until the link is
  /// to stop. Throws `ReplyError` NOREPLICAS, which says what is safe, if too few have it by then.
  void await(Connection& redis, const ReconnectingConnection& link) const;

 private:
  struct Copies {
    std::int64_t replicas = 0;
    bool on_disk = false;  // of the primary
  };
  [[nodiscard]] Copies ask(Connection& redis, std::chrono::milliseconds longest) const;
  [[nodiscard]] std::string shortage(Connection& redis, const Copies& copies) const;

  unsigned replicas_;
  bool has_file_ = false;        // the server keeps an append-only file
  bool waits_for_file_ = false;  // and can say what is in it
};

}  // namespace wq::internal
