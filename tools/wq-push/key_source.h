#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <wq/redis_options.h>

#include "base/keys.h"
#include "redis/reconnecting_connection.h"
#include "wq-push/input.h"
#include "wq-push/item_source.h"

namespace wq::push {

/// The names of the keys of a Redis, found with SCAN in short steps, each once. A key that
/// exists from the first step to the last is found; a key that appears or vanishes meanwhile may
/// be. In a Redis Cluster those of all nodes, one after the other. On a new connection the scan of
/// the node begins anew, since another server has another order.
///
/// Keeps a hash of each name, about 80 bytes: SCAN may show a key twice.
class KeySource : public ItemSource {
 public:
  struct Search {
    std::string queue;    ///< whose own keys are left out
    std::string pattern;  ///< a glob as SCAN has them
    std::string field;    ///< not empty: the item is the value of this field of each hash
  };

  /// Does not connect. `wait` must outlive this object.
  KeySource(Search search, const RedisOptions& redis, InputWait& wait);

  /// Throws `UsageError` where Redis refuses the commands; the end logs how many keys were left
  /// out since they are no hash or lack the field.
  bool next(std::string& item) override;
  std::string position() const override;

 private:
  struct Found {
    std::string key;
    std::string item;
  };

  void read_page();
  void read_page(internal::Connection& redis);
  [[nodiscard]] static std::deque<Found> named(std::vector<std::string> keys);
  [[nodiscard]] std::deque<Found> fields_of(internal::Connection& redis,
                                            const std::vector<std::string>& keys);

  void find_nodes();
  void next_node();

  const Search search_;
  const internal::Keys own_;
  const RedisOptions redis_;
  InputWait& wait_;
  std::optional<std::deque<internal::HostAndPort>> nodes_;  // of a cluster, to be read yet
  std::unique_ptr<internal::ReconnectingConnection> link_;
  std::uint64_t begun_on_ = 0;  // the generation of the link
  std::string cursor_ = "0";
  bool done_ = false;
  std::deque<Found> page_;
  std::string key_;              // of the last item
  std::set<std::string> known_;  // the hashes of the names so far
  std::uint64_t without_field_ = 0;
  std::uint64_t no_hash_ = 0;
};

}  // namespace wq::push
