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
///
/// scripts/matrix has the same tests reach their servers in another way, by three variables:
/// $WQ_TEST_REDIS_URL has {socket}, {port} or {sentinel} in it; $WQ_TEST_REDIS_CONFIG is a file of
/// more lines of redis.conf, in front of those of the test; $WQ_TEST_SENTINEL_CONFIG is that of a
/// Sentinel that is started beside each server. {port} and {sentinel} in these are ports of
/// 127.0.0.1.
class RedisServer {
 public:
  /// `by_socket`: in every run, for tests of one of these ways themselves.
  enum class Reached { as_asked, by_socket };

  /// Starts it and waits until it answers. `config`: more lines of redis.conf, such as
  /// "appendonly yes". Throws `std::runtime_error` with its log if it does not start.
  explicit RedisServer(const std::vector<std::string>& config = {},
                       Reached reached = Reached::as_asked);
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
  /// `unix://` and the socket, unless the environment says otherwise.
  [[nodiscard]] std::string url() const { return url_; }
  /// Of this URL, with the '@'; empty without one.
  [[nodiscard]] std::string login() const;
  [[nodiscard]] RedisOptions options() const;
  [[nodiscard]] const TemporaryFolder& folder() const noexcept { return folder_; }
  [[nodiscard]] std::string log() const;

 private:
  void end(int signal);
  void launch();
  void wait_until_it_answers();
  [[nodiscard]] std::string filled(std::string text);

  TemporaryFolder folder_;
  int port_ = 0;           // of the server, if the environment wants one
  int sentinel_port_ = 0;  // the same
  std::string url_;
  pid_t pid_ = -1;
  pid_t sentinel_ = -1;
};

}  // namespace wq::test
