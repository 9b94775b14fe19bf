#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <wq/admin.h>

#include "model/random/queue_model.h"

namespace wq::test::random {

/// What docs/protocol.md says of the administration of a queue, in memory. Not written from the
/// scripts.
class OperatorModel {
 public:
  explicit OperatorModel(QueueModel& queue) : queue_(queue) {}

  /// The answers are those of the scripts. `latest_ms`: nothing for any.
  struct Which {
    bool delayed = false;
    bool dead = false;
    std::optional<std::int64_t> latest_ms{};
  };
  std::vector<std::int64_t> retry(std::span<const std::string> items, const Which& which);
  std::vector<std::int64_t> drop(std::span<const std::string> items, ItemState from,
                                 std::optional<std::int64_t> latest_ms);
  struct Dropped {
    std::int64_t taken = 0;
    std::vector<std::string> items;
  };
  using Matches = std::function<bool(std::string_view)>;
  /// What was ever counted as put on the left of ready.
  [[nodiscard]] std::int64_t put() const;
  /// A step of a walk through ready that began at `put`; takes at most `n` of those that are leased
  /// next.
  Dropped drop_ready(std::int64_t put, std::int64_t n, const Matches& matches);

  struct Purged {
    std::string fence;
    std::size_t keys = 0;
    std::size_t results = 0;
    Counts counts;
  };
  /// Nothing if these are not all sessions.
  std::optional<Purged> purge(const std::vector<std::string>& sessions);
  std::int64_t purge_leases(std::span<const std::string> hashes, std::string_view last_fence);

  /// A lease, by the hash of its item, and what was seen of it.
  struct Seen {
    std::string hash;
    std::string holder;
    std::int64_t expires_ms = -1;
  };
  [[nodiscard]] std::vector<Seen> leases() const;
  std::int64_t end_strays(std::span<const Seen> leases, std::int64_t tail_ms);

  /// What is recorded of an item: attempts, crashes, failure; empty for what is not.
  struct Record {
    std::string hash;
    std::array<std::string, 4> values;
  };
  [[nodiscard]] std::vector<Record> records() const;
  std::int64_t forget(std::span<const Record> records);

  // -- A look

  using Place = std::pair<std::string, std::string>;
  struct Page {
    std::vector<std::string> items;
    std::vector<std::string> behind;  // what the script answers behind them
  };
  [[nodiscard]] Page page(ItemState state, std::size_t n, const std::optional<Place>& after) const;
  /// The answer of the script, nothing for nil.
  [[nodiscard]] std::vector<std::optional<std::string>> find(const std::string& item,
                                                             std::size_t most) const;
  [[nodiscard]] std::int64_t last_due() const;
  /// In dead, delayed or ready.
  [[nodiscard]] std::vector<std::string> items(ItemState state) const;
  [[nodiscard]] std::vector<std::int64_t> times_ms(ItemState state) const;

 private:
  using Set = QueueModel::Set;
  [[nodiscard]] Set& set(ItemState state) const;
  [[nodiscard]] bool take(Set& set, const std::string& item,
                          std::optional<std::int64_t> latest_ms) const;
  bool take_ready(const std::string& item);
  void forget_history(const std::string& hash);
  [[nodiscard]] Record record(const std::string& hash) const;

  QueueModel& queue_;
};

}  // namespace wq::test::random
