#pragma once

#include <memory>
#include <optional>

#include <wq/redis_options.h>

#include "redis/endpoint.h"
#include "redis/sentinel.h"

namespace wq::internal {

class SentinelWatch;

/// The socket of a connection to a primary that sentinels have named. It is shut down when one of
/// the sentinels names another primary with a higher configuration epoch. A primary that was
/// deposed and cut off does not know that, answers as a primary, and loses what it is told.
///
/// One thread in a process asks for all sockets of one set of sentinels, one sentinel after the
/// other. It begins with the first of the sockets, and it has ended when the last is destroyed,
/// which takes as long as the answer that it waits for: up to some seconds if a sentinel is silent.
class WatchedSocket {
 public:
  /// `named`: what the socket was connected to. Destroy it before the socket is closed.
  [[nodiscard]] static std::unique_ptr<WatchedSocket> begin(const Endpoint& set,
                                                            const RedisOptions& options,
                                                            NamedPrimary named, int socket);
  WatchedSocket(std::shared_ptr<SentinelWatch> watch, NamedPrimary named, int socket);
  ~WatchedSocket();
  WatchedSocket(const WatchedSocket&) = delete;
  WatchedSocket& operator=(const WatchedSocket&) = delete;

  /// What a sentinel names now, and what it named when it was asked before.
  void compare(const NamedPrimary& now, const std::optional<NamedPrimary>& before) noexcept;

 private:
  std::shared_ptr<SentinelWatch> watch_;
  NamedPrimary named_;
  int socket_;
};

}  // namespace wq::internal
