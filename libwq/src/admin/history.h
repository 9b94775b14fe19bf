#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/keys.h"
#include "redis/reconnecting_connection.h"

/// The records of failed items, and their checkpoints, by the hash of the item.
namespace wq::internal {

inline constexpr std::array kHistoryKeys{Key::attempts, Key::crashes, Key::failures,
                                         Key::checkpoints};

/// The values in the order of `kHistoryKeys`, empty if missing.
using Histories = std::map<std::string, std::vector<std::string>>;

/// Of those of `hashes` of which something is recorded.
[[nodiscard]] Histories read_histories(ReconnectingConnection& link, const Keys& keys,
                                       const std::set<std::string>& hashes);

/// Removes the records that have not changed since they were read, unless the item is leased.
/// Returns the number of items.
std::uint64_t forget(ReconnectingConnection& link, const Keys& keys, const Histories& histories);

/// Calls `step` with up to 500 of what is in a map or set at a time, as iterators.
template <typename Many, typename Step>
void in_chunks(const Many& many, Step step) {
  constexpr std::size_t kAtOnce = 500;
  std::vector<typename Many::const_iterator> chunk;
  for (auto each = many.begin(); each != many.end(); ++each) {
    chunk.push_back(each);
    if (chunk.size() == kAtOnce) {
      step(std::as_const(chunk));
      chunk.clear();
    }
  }
  if (!chunk.empty()) step(std::as_const(chunk));
}

}  // namespace wq::internal
