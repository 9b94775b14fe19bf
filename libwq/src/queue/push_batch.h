#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <wq/producer.h>

#include "base/keys.h"
#include "redis/command_buffer.h"
#include "redis/connection.h"

namespace wq::internal {

/// The arguments of a push besides its items; see libwq/scripts/push.lua.
struct PushConfig {
  std::string_view session;
  std::uint64_t number;
  std::uint64_t after;
  std::uint64_t answered;
  std::chrono::milliseconds hold;
  std::string_view queue_id;
  bool again;
  bool transactions = true;  ///< false: `allows_transactions` said no
};

struct PushAnswer {
  std::optional<std::uint64_t> added;
  std::string refusal;  ///< where nothing was written: the script's word for it
};

/// Throws `std::invalid_argument`, which names the item, for a delay that no script takes.
void check_delay(const PushItem& item);

/// The items of one push, encoded for Redis as they come. Not thread-safe.
class PushBatch {
 public:
  void add(const PushItem& item);

  [[nodiscard]] std::size_t size() const noexcept { return items_.size(); }
  /// The size of the items in the request.
  [[nodiscard]] std::size_t bytes() const noexcept { return items_.bytes().size(); }
  /// Each item has a once-key, so that a push in doubt may be repeated in another session.
  [[nodiscard]] bool all_once() const noexcept { return once_items_ == size(); }

  /// Writes the push: a call of the script, or a transaction that begins with one.
  void append_to(CommandBuffer& out, const Keys& keys, const PushConfig& config) const;

  /// Reads what Redis answers to that. Throws what `Reply::checked` throws for the first error;
  /// then replies may be left unread, and the connection is of no more use. `transactions`: as they
  /// were in the config.
  [[nodiscard]] PushAnswer receive_from(Connection& redis, bool transactions = true) const;

 private:
  [[nodiscard]] bool is_transaction() const noexcept;

  EncodedArgs items_;
  std::size_t first_bytes_ = 0;  // of the first item
  std::size_t once_items_ = 0;   // that have a once-key
  EncodedArgs hashes_;           // of all items, or none if no item has a once-key
  EncodedArgs delays_;           // of all items, or none if no item has a delay
};

/// False if the server takes no script within a transaction, as some services: then each push is a
/// call. Throws `RefusedError` if the user may not use transactions.
[[nodiscard]] bool allows_transactions(Connection& redis);

}  // namespace wq::internal
