#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include <wq/clock.h>

#include "base/chunk_size.h"
#include "maintenance/pass.h"

namespace wq::internal {

/// A step of a pass: returns the items of processing whose lease expired, or that are unleased for
/// too long. Not thread-safe.
class ReclaimItems {
 public:
  /// Without `max_crashes` that of the workers of the queue decides.
  explicit ReclaimItems(std::optional<std::uint32_t> max_crashes);

  void run(Pass& pass);
  void reconnected();
  /// True if a later pass may have to return something.
  [[nodiscard]] bool pending() const noexcept { return overdue_ || !unleased_.empty(); }

 private:
  // An item in processing that has no lease.
  struct Unleased {
    TimePoint first_seen;
    int passes = 0;
    std::uint64_t last_pass = 0;
  };

  [[nodiscard]] std::vector<std::string> read_chunk(const Pass& pass, std::size_t from_right);
  void look_at(Pass& pass, const std::vector<std::string>& items);
  void reclaim(Pass& pass, const std::vector<std::string>& items);
  void requeue(Pass& pass, const std::vector<std::string>& items);
  bool is_stranded(std::uint64_t hash, std::chrono::milliseconds grace, TimePoint now);

  const std::optional<std::uint32_t> max_crashes_;
  std::uint64_t passes_ = 0;
  bool overdue_ = false;  // a lease expired, but it is too early to take the item
  std::unordered_map<std::uint64_t, Unleased> unleased_;  // by the first 64 bits of the hash
  ChunkSize chunk_;
  bool reading_ = false;           // a chunk was asked for and did not come yet
  std::set<std::string> foreign_;  // hashes whose foreign lease was counted
};

}  // namespace wq::internal
