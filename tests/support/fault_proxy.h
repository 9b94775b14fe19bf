#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <wq/redis_options.h>

#include "support/redis_server.h"
#include "support/temporary_folder.h"

namespace wq::test {

/// Stands between clients and a server, passes everything on, and loses what it is told to lose.
/// What is lost is named by bytes that the client sends: a command, the SHA of a script. Each
/// order counts for the next time these bytes are seen, once; a new one replaces it. Thread-safe.
class FaultProxy {
 public:
  explicit FaultProxy(const RedisServer& server);
  ~FaultProxy();
  FaultProxy(const FaultProxy&) = delete;
  FaultProxy& operator=(const FaultProxy&) = delete;

  /// `server`'s, by way of the proxy.
  [[nodiscard]] RedisOptions options() const;

  /// The server carries it out; the answer is lost with the connection.
  void lose_answer_to(std::string_view what) { order(Fault::answer, what); }
  /// It never reaches the server; the connection is lost.
  void lose_request(std::string_view what) { order(Fault::request, what); }
  /// The connection is lost, and the server gets the request when `deliver` is called.
  void delay_request(std::string_view what) { order(Fault::delay, what); }

  /// From now on no more than so many bytes a second come from the server, on all connections
  /// together.
  void slow_down(std::size_t bytes_per_second) { bytes_per_second_ = bytes_per_second; }
  /// It never reaches the server, and nothing else passes on that connection, which stays open: as
  /// when the machine on the other side is gone without a word.
  void silence(std::string_view what) { order(Fault::silence, what); }

  /// Gives the server what was delayed and waits for its answer, which nobody gets.
  void deliver();

  /// From now on calls `look` with what clients send, before the server gets it, from a thread of
  /// the proxy. Replaces the one before, of which no call runs when this returns. Not from `look`.
  void watch(std::function<void(std::string_view bytes)> look);

  /// From now on lets `change` change what clients send, before the server gets it: in place, to as
  /// many bytes. For a server that would not take it as it is. As `watch` otherwise.
  void change(std::function<void(std::string& bytes)> change);

  /// How many orders were carried out.
  [[nodiscard]] unsigned faults() const noexcept { return faults_; }

 private:
  enum class Fault { none, answer, request, delay, silence };
  using TimePoint = std::chrono::steady_clock::time_point;
  class Socket;
  struct Pair;

  void order(Fault fault, std::string_view what);
  void run();
  void accept_client();
  // What poll() says of its two sides.
  void pass_on(Pair& pair, short client, short server);
  void from_client(Pair& pair);
  void from_server(Pair& pair);
  [[nodiscard]] Fault fault_of(Pair& pair, std::string_view bytes);

  const std::string server_path_;
  const std::string login_;  // with the '@'
  TemporaryFolder folder_;
  std::unique_ptr<Socket> listener_;
  std::unique_ptr<Socket> wake_read_;
  std::unique_ptr<Socket> wake_write_;
  std::vector<std::unique_ptr<Pair>> pairs_;  // of the thread
  TimePoint link_free_at_;                    // of the thread: when a slow link has carried all
  std::atomic<unsigned> faults_{0};
  std::atomic<std::size_t> bytes_per_second_{0};  // 0: no limit

  std::mutex look_mutex_;  // held while it looks
  std::function<void(std::string_view)> look_;
  std::function<void(std::string&)> change_;
  std::mutex mutex_;  // guards what follows
  Fault fault_ = Fault::none;
  std::string what_;
  std::unique_ptr<Socket> delayed_server_;
  std::string delayed_bytes_;

  std::thread thread_;
};

}  // namespace wq::test
