#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

#include <wq/redis_options.h>

#include "support/temporary_folder.h"

namespace wq::test {

/// A redis-server of the test's own, on a unix socket in a folder of its own. It persists nothing
/// unless it is told to, and dies with this object or, at the latest, with the thread that started
/// it.
class RedisServer {
 public:
  /// Starts it and waits until it answers. `config`: more lines of redis.conf, such as
  /// "appendonly yes". Throws `std::runtime_error` with its log if it does not start.
  explicit RedisServer(const std::vector<std::string>& config = {});
  ~RedisServer();
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  /// After `kill` or `stop`: starts it again with the same folder, after `redis-check-aof --fix`.
  void start();
  /// The same without: what a kill has left in the append-only file stays there. Where Redis
  /// refuses what it has left there itself, it is started once more, as any supervisor does.
  void start_unmended();
  void kill();  ///< SIGKILL, and waits until it is gone
  void stop();  ///< SIGTERM, an orderly shutdown, and waits until it is gone
  void restart() {
    kill();
    start();
  }
  void freeze() const;  ///< SIGSTOP: it keeps its connections and answers nothing
  void thaw() const;

  [[nodiscard]] std::string socket_path() const { return (folder_.path() / "s").string(); }
  /// `unix://` and the socket.
  [[nodiscard]] std::string url() const { return "unix://" + socket_path(); }
  [[nodiscard]] RedisOptions options() const;
  [[nodiscard]] const TemporaryFolder& folder() const noexcept { return folder_; }
  [[nodiscard]] std::string log() const;

 private:
  void end(int signal);
  void launch();
  void wait_until_it_answers();

  TemporaryFolder folder_;
  pid_t pid_ = -1;
};

}  // namespace wq::test
