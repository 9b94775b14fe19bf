#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <thread>

#include "base/unique_fd.h"
#include "support/temporary_folder.h"

namespace wq::fault {

/// A moment in the life of a command.
enum class Point {
  request,   ///< the client has sent it, Redis has not seen it
  executed,  ///< Redis has carried it out, the client has not seen the answer
  answered,  ///< the answer has been handed to the client
};

struct Moment {
  std::size_t client;  ///< as given to the `Tap`
  std::string command;
  Point point;
};

/// What becomes of a connection at a moment.
enum class Verdict {
  pass,
  cut,      ///< it ends; what it carried at this moment is lost
  half,     ///< it ends in the middle of the answer
  silence,  ///< nothing passes any more, and neither side is told
};

/// Asked at every moment, by the thread of the connection, which waits for it.
using Judge = std::function<Verdict(const Moment&)>;

/// Stands between one client and Redis, on a unix socket, and stops at each moment of each command
/// to ask what to do. That is how a fault is placed exactly: between the pop and the lease, after a
/// settlement and before its answer.
class Tap {
 public:
  Tap(std::string server_path, std::size_t client, Judge judge);
  /// Ends every connection. The judge must not keep anybody waiting any more.
  ~Tap();
  Tap(const Tap&) = delete;
  Tap& operator=(const Tap&) = delete;

  [[nodiscard]] std::string url() const;

  /// How many commands were handed to Redis after their client had given the connection up.
  [[nodiscard]] unsigned late() const noexcept { return late_; }

 private:
  class Connection;

  void accept_clients();

  const std::string server_path_;
  const std::size_t client_;
  const Judge judge_;
  const test::TemporaryFolder folder_;
  internal::UniqueFd listener_;
  std::atomic<unsigned> late_{0};
  std::list<Connection> connections_;  // of the thread that accepts
  std::thread thread_;
};

}  // namespace wq::fault
