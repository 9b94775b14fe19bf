#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include <wq/lease.h>

namespace wq::internal {

/// The keys of a queue that exist once, in the order of `kKeySuffixes`.
enum class Key : std::size_t {
  ready,
  processing,
  delayed,
  dead,
  attempts,
  crashes,
  failures,
  results,
  stats,
  fence,
  producers,
  workers,
  replays,
  reclaimer,
  paused,
  seen,
  history,
  totals,
  distinct,
  checkpoints,
};
inline constexpr std::size_t kKeyCount = 20;

/// The suffix of a key after the queue's name, and its type in Redis.
struct KeyKind {
  std::string_view suffix;
  std::string_view type;
};
extern const std::array<KeyKind, kKeyCount> kKeyKinds;

/// The key of a database that names its queues: see `queue/registry.h`. No queue has it.
inline constexpr std::string_view kRegistryKey = "wq:queues";

/// The names of a queue's keys. Immutable, so thread-safe.
class Keys {
 public:
  /// Throws `std::invalid_argument` if the name is empty, ends in a suffix of wq, or contains
  /// `:leased_by_session:` or `:replay:`: its keys would be ambiguous. Also for `kRegistryKey`.
  explicit Keys(std::string queue);

  [[nodiscard]] const std::string& queue() const noexcept { return names_[0]; }
  [[nodiscard]] const std::string& operator[](Key key) const noexcept {
    return names_[static_cast<std::size_t>(key)];
  }
  /// The key of an item's lease is this and the item's hash.
  [[nodiscard]] const std::string& lease_prefix() const noexcept { return lease_prefix_; }
  [[nodiscard]] std::string lease(const ItemHash& hash) const;
  [[nodiscard]] std::string replay(std::string_view session) const;
  /// The name of ready during a push of the session, and only then.
  [[nodiscard]] std::string pushing(std::string_view session) const;

  /// The mark of a worker of the session behind what it has settled, see `Confirmer`.
  [[nodiscard]] std::string settled(std::string_view session) const;

  /// True for every key that this queue has or may have.
  [[nodiscard]] bool owns(std::string_view key) const;

  /// What is in the first `{...}` of the name; empty: nothing. With such a tag all keys of the
  /// queue are on one node of a Redis Cluster, and those of other queues with an equal one too.
  [[nodiscard]] std::string hash_tag() const;
  [[nodiscard]] bool has_hash_tag() const { return !hash_tag().empty(); }

 private:
  std::array<std::string, kKeyCount> names_;
  std::string lease_prefix_;
};

/// The entry of an item in `seen`: the 28 bytes of the SHA-224 of its once-key.
[[nodiscard]] std::string seen_entry(std::string_view once_key);

}  // namespace wq::internal
