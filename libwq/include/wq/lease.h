#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <wq/export.h>
#include <wq/failure_kind.h>
#include <wq/total.h>

namespace wq {

/// The lowercase hexadecimal SHA-224 of an item's bytes, as in the names of lease keys.
using ItemHash = std::array<char, 56>;

/// Computes it, with OpenSSL. Thread-safe.
[[nodiscard]] WQ_API ItemHash hash_item(std::string_view item);

[[nodiscard]] inline std::string_view text(const ItemHash& hash) noexcept {
  return {hash.data(), hash.size()};
}

/// One item, leased by this worker until it is settled or the lease is lost.
struct Lease {
  /// The item: any bytes, possibly none.
  std::string item{};
  ItemHash hash{};
  /// The fencing token: increases with every lease of the queue and never repeats. Pass it to the
  /// systems that the handler writes to; they can refuse a writer with a lower token than the
  /// highest one seen.
  std::uint64_t fence = 0;
  /// Earlier attempts at this item that failed.
  std::uint32_t failures = 0;
  /// Earlier attempts at this item that crashed: the lease expired, or a handler reported a crash.
  std::uint32_t crashes = 0;
  /// True if the holder holds no other item, see `Queue::isolate`.
  bool alone = false;
  /// The last checkpoint of the earlier attempts (`Job::checkpoint`); empty: there is none.
  std::string checkpoint{};

  /// 1 for the first attempt.
  [[nodiscard]] std::uint32_t attempt() const noexcept { return failures + crashes + 1; }
};

/// The record of an unsuccessful attempt.
struct Failure {
  FailureKind kind = FailureKind::error;
  /// One line for people.
  std::string message{};
  std::optional<int> exit_code{};
  std::optional<int> signal{};
  /// The most memory in bytes: the largest resident set of any of the processes that ran, or, where
  /// they were killed for it, what they used together.
  std::optional<std::uint64_t> max_rss_bytes{};
  /// What those processes used of processors.
  std::optional<std::chrono::milliseconds> cpu_time{};
  /// How long the try took (of a batch: all of it): filled in by `Worker`.
  std::optional<std::chrono::milliseconds> wall_time{};
  /// The last lines of what it wrote to stdout and to stderr; any bytes.
  std::string stdout_tail{};
  std::string stderr_tail{};
  /// Who ran it, and where: filled in by `Worker` with its label and the host's name when empty.
  std::string worker{};
  std::string host{};
};

/// An item that a completion pushes, onto the same queue or another. A string is one without a key:
///
///     outcome.follow_ups = {"part 1", "part 2"};
///     outcome.follow_ups.push_back(wq::FollowUp::once(page));
///     outcome.follow_ups.push_back(wq::FollowUp::to("texts", text));
struct WQ_API FollowUp {
  std::string item{};
  /// Push it only if nothing was pushed to that queue with this key before: by a follow-up, or by a
  /// producer with `ProducerOptions::once` (`wq-push --once`), where the key of an item is the item
  /// itself. The queue remembers a key in the step that pushes the item, until it is purged.
  std::optional<std::string> once_key{};
  /// The queue that gets it; empty: the one of the completed item. A worker pushes only to queues
  /// that `WorkerOptions::follow_ups_to` names: one to another queue makes the item a dead letter,
  /// of the kind `FailureKind::result`.
  std::string queue{};
  /// How long it waits before it is ready, at most 24 hours. Equal items that wait become one, with
  /// the last time, as for `Producer`.
  std::chrono::milliseconds delay{0};

  FollowUp() = default;
  // NOLINTBEGIN(google-explicit-constructor): a string is a follow-up
  FollowUp(std::string text) : item(std::move(text)) {}
  FollowUp(const char* text) : item(text) {}
  // NOLINTEND(google-explicit-constructor)

  /// With the item as its key.
  [[nodiscard]] static FollowUp once(std::string item);
  [[nodiscard]] static FollowUp once(std::string item, std::string key);
  /// Without a key, for that queue.
  [[nodiscard]] static FollowUp to(std::string queue, std::string item);
};

/// Of a checkpoint (`Job::checkpoint`), in bytes: a position, not data. The answer to a request for
/// leases has those of up to 1,000 items.
inline constexpr std::size_t kLongestCheckpoint = 4'096;

/// Time, place and resources of an attempt, whatever its outcome.
struct Usage {
  /// By the clock of the worker's machine, as what follows filled in by `Worker`. Nothing: the item
  /// was released before a handler got it.
  std::optional<std::chrono::system_clock::time_point> begun{};
  std::chrono::milliseconds wall_time{0};  ///< of a batch: all of it
  unsigned slot = 0;
  /// What the processes of a handler used, if it knows: see `Failure`.
  std::optional<std::chrono::milliseconds> cpu_time{};
  std::optional<std::uint64_t> max_rss_bytes{};
  /// The end of its stderr, if the history keeps it: the last 4 KiB, or less where many
  /// attempts are settled together.
  std::string stderr_tail{};
};

/// What a handler says of an item.
struct WQ_API Outcome {
  enum class Kind {
    complete,  ///< done: counted, result, follow-ups and totals stored, never handed out again
    fail,      ///< costs one attempt; tried again after a backoff, or dead when none is left
    crash,     ///< what did the work died of it: costs one crash and no attempt, else as `fail`
    fatal,     ///< no use in trying again: dead at once
    release,   ///< costs nothing; handed out again after the release delay
  };

  Kind kind = Kind::complete;
  /// Stored in the queue's result stream together with the completion, when there is one.
  std::optional<std::string> result{};
  /// The result is one JSON value, see `complete_json`.
  bool result_is_json = false;
  /// Items pushed together with the completion.
  std::vector<FollowUp> follow_ups{};
  /// Numbers added to the totals of the queue together with the completion.
  std::vector<Total> totals{};
  /// When kind is not `complete`: the checkpoint that the next attempt gets, instead of the last
  /// one that this attempt has saved. One of more than `kLongestCheckpoint` bytes makes the item a
  /// dead letter, of the kind `FailureKind::result`.
  std::optional<std::string> checkpoint{};
  /// Why, when kind is `fail`, `crash` or `fatal`.
  Failure failure{};
  /// When kind is `release`: how long the item waits, in place of the policy's release delay. Zero
  /// puts it where it is leased next.
  std::optional<std::chrono::milliseconds> release_delay{};
  /// For the history (`RetryPolicy::history`) and `WorkerOptions::settled`.
  Usage usage{};

  [[nodiscard]] static Outcome complete();
  [[nodiscard]] static Outcome complete(std::string result);
  /// With a result that `wqctl results` prints as the JSON value that it is, such as an object, and
  /// not as a string. It is not checked here: an invalid value is printed as a string.
  [[nodiscard]] static Outcome complete_json(std::string result);
  [[nodiscard]] static Outcome fail(std::string message);
  [[nodiscard]] static Outcome fail(Failure failure);
  [[nodiscard]] static Outcome crash(Failure failure);
  [[nodiscard]] static Outcome fatal(std::string message);
  [[nodiscard]] static Outcome fatal(Failure failure);
  [[nodiscard]] static Outcome release();
  [[nodiscard]] static Outcome release(std::chrono::milliseconds delay);
};

/// A lease and the outcome of its item.
struct Settlement {
  Lease lease{};
  Outcome outcome{};
};

/// The outcome of a settlement.
enum class Settled {
  accepted,  ///< committed, by this call alone
  lost,      ///< the lease was lost; nothing was written
  unknown,   ///< the first reply never arrived and the second is `lost`: committed by the first
             ///< call, or lost before. The state in Redis is exact either way.
};

}  // namespace wq
