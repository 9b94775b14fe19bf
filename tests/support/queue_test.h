#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include <wq/producer.h>
#include <wq/queue.h>

#include "base/keys.h"
#include "redis/reply.h"
#include "script/script.h"
#include "support/redis_client.h"
#include "support/redis_server.h"

namespace wq::test {

using internal::Key;
using internal::Reply;

/// A test with a queue on a server of its own. When it is over, no item may be missing: what was
/// pushed is somewhere or accounted for.
class QueueTest : public ::testing::Test {
 protected:
  /// `config`: see `RedisServer`.
  explicit QueueTest(const std::vector<std::string>& config = {});
  void TearDown() override;

  /// Pushed + foreign pushes = ready + processing + delayed + dead + completed + dropped + merged.
  void expect_conserved();

  [[nodiscard]] RedisOptions options() const { return server_.options(); }
  [[nodiscard]] Queue open_queue() const { return Queue(keys_.queue(), options()); }
  [[nodiscard]] Counts counts();
  [[nodiscard]] Counts counts_of(const std::string& queue) const;
  /// Pushes "queue-0", "queue-1", ... to this queue, as our own programs do.
  void fill(const std::string& queue, std::size_t items) const;

  /// As our own programs do.
  void push(const std::vector<std::string>& items, ProducerOptions producer = {});
  /// As `redis-cli LPUSH` does; counted for `expect_conserved`.
  void push_past_us(const std::vector<std::string>& items);
  /// The only item that a lease of one gets; fails without one.
  [[nodiscard]] Lease lease_one(Queue& queue,
                                std::chrono::milliseconds ttl = std::chrono::minutes{1});

  /// Calls a script past the C++ operations.
  Reply script(const internal::Script& script, const std::vector<std::string>& more_keys,
               const std::vector<std::string>& arguments);
  /// The same, with an error as an answer.
  Reply raw_script(const internal::Script& script, const std::vector<std::string>& more_keys,
                   const std::vector<std::string>& arguments);

  /// All of a list, from the left, or of a sorted set, from the lowest.
  [[nodiscard]] std::vector<std::string> all(Key which);
  [[nodiscard]] std::string lease_key(std::string_view item) const;
  [[nodiscard]] std::string hash_of(std::string_view item) const;
  [[nodiscard]] const std::string& key(Key which) const { return keys_[which]; }
  /// The names of all keys but the registry, in which the queue stays.
  [[nodiscard]] std::vector<std::string> keys_left();
  /// Every key that exists, with its type and content, to see whether a call wrote anything.
  [[nodiscard]] std::vector<std::string> everything();
  /// Lets the lease of an item run out as if its time had passed.
  void end_lease(std::string_view item);

  RedisServer server_;
  RedisClient redis_;
  const internal::Keys keys_{"q"};
  std::uint64_t foreign_pushes_ = 0;
  bool conserves_ = true;  ///< to be cleared by tests that lose Redis's data
};

[[nodiscard]] Settlement completed(Lease lease);
[[nodiscard]] std::vector<Settlement> all_completed(std::vector<Lease> leases);
[[nodiscard]] std::vector<std::string> items_of(const std::vector<Lease>& leases);
/// "prefix0", "prefix1", ...
[[nodiscard]] std::vector<std::string> numbered(std::string_view prefix, std::size_t n);

}  // namespace wq::test
