#pragma once

#include <chrono>
#include <stop_token>
#include <string>

#include <wq/log.h>

#include "base/info.h"
#include "redis/connection.h"

/// A redis-server that is killed may leave half a transaction at the end of its append-only file
/// (AOF). At the next start most versions drop that transaction from memory but leave its MULTI and
/// its first commands in the file. The start after that executes these commands before everything
/// written since: items are lost or duplicated. See docs/guarantees.md.
///
/// BGREWRITEAOF repairs it: a rewrite writes the data in memory, without the half transaction.
/// Every program that writes requests it once after each start of the server, before its first
/// write.
namespace wq::internal {

/// The state of the append-only file, from INFO.
struct AofState {
  bool kept = false;       ///< there is one, and the server has loaded it
  bool empty = false;      ///< there was nothing in it when the server started
  bool rewriting = false;  ///< a rewrite is under way, or waits for its turn
  bool rewritten = false;  ///< since the server started, and the last time with success
};
[[nodiscard]] AofState read_aof(const Info& info);

/// True for a server that cuts off the whole of a torn transaction: recent versions of Valkey. No
/// version of Redis is known to.
[[nodiscard]] bool cuts_whole_transactions(const Info& info);

/// Has the AOF of a server rewritten, once for each start of the server. Not thread-safe.
class AofMender {
 public:
  static constexpr std::chrono::milliseconds kLongestWait{10'000};

  /// Logs a rewrite that takes long or is impossible. A requested `stop` ends the wait.
  explicit AofMender(Log log = {}, std::stop_token stop = {});

  /// On a new connection, before the first write on it. Asks for a rewrite if there was none since
  /// the server started, and waits until it has ended, but no longer than `longest`. Throws what a
  /// connection throws; a refusal of the server is not an error.
  void mend(Connection& redis, std::chrono::milliseconds longest = kLongestWait);
  /// The same without waiting, for those whom leases do not let wait.
  void ask(Connection& redis);

 private:
  bool begin(Connection& redis);
  bool request(Connection& redis, bool quiet);
  void wait(Connection& redis, std::chrono::milliseconds longest);

  const Log log_;
  const std::stop_token stop_;
  std::string run_id_;  // of the server that was last asked
};

}  // namespace wq::internal
