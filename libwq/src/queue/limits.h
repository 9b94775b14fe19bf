#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <wq/lease.h>

#include "redis/connection.h"

namespace wq::internal {

// Data that is too large for Redis is refused before it is sent: Redis would close the connection
// without a reliable error, and wq would send the same data again and again.

/// The longest word of a command (an item, a result, a follow-up) that any server is given; the
/// default limit of Redis.
inline constexpr std::size_t kLongestWord = std::size_t{512} << 20U;
/// Every server accepts this length: the limit cannot be set below 1 MiB. Shorter arguments need
/// neither a query nor the right to make it.
inline constexpr std::size_t kAlwaysTaken = (std::size_t{1} << 20U) - (std::size_t{64} << 10U);
/// The result and the follow-ups of one item together. Redis refuses an entry of a stream, which
/// has the item too, that is larger than 1 GiB, and would in the middle of the script.
inline constexpr std::size_t kMostOutcomeBytes = std::size_t{256} << 20U;
/// Follow-ups of one item, see `cost`: four words each of a command, of which Redis 6.2 takes 2^20.
inline constexpr std::size_t kMostFollowUps = 250'000;
/// What a follow-up counts: 1, or 2 for one that waits. That needs two more words, unless others
/// wait as long.
[[nodiscard]] std::size_t cost(const FollowUp& follow_up) noexcept;
/// The limit of the message of a failure and of each output tail of its program; then that of its
/// other texts. So a failure is smaller than the smallest possible limit of Redis (1 MiB) even if
/// each byte takes six.
inline constexpr std::size_t kLongestFailureText = std::size_t{48} << 10U;
inline constexpr std::size_t kLongestFailureWord = std::size_t{1} << 10U;

/// Asks for the longest word that this server takes (`proto-max-bulk-len`,
/// `client-query-buffer-limit`), at most `kLongestWord`, which it also is where CONFIG GET is
/// refused.
[[nodiscard]] std::size_t ask_for_longest_word(Connection& redis);

/// Why the server would not take this word: "has 9 bytes; ...". Nothing if it will.
[[nodiscard]] std::optional<std::string> too_long(std::size_t bytes, std::size_t longest);

/// For a new connection on which something is sent again: throws `RefusedError` if the server does
/// not take the longest word of it any more.
void check_still_taken(Connection& redis, std::size_t longest_sent);

/// The reason why an outcome cannot be committed: "its result has ...". Nothing if it can.
[[nodiscard]] std::optional<std::string> too_large(const Outcome& outcome, std::size_t longest);

/// Throws `std::invalid_argument` for a checkpoint that is longer than `kLongestCheckpoint`.
void check_checkpoint(std::string_view text);

/// The longest word of what will be sent.
[[nodiscard]] std::size_t longest_word(const Settlement& settlement);

/// Makes a failure of the item of what is too large, by `refuse`.
void refuse_too_large(Outcome& outcome, std::size_t longest);
/// Makes a failure of an outcome: fatal, of the kind `result`.
void refuse(Outcome& outcome, std::string why);

/// The failure with its texts cut to the stored length: the beginning of the message, the end of
/// the program's output.
[[nodiscard]] Failure shortened(Failure failure);

}  // namespace wq::internal
