#include "queue/limits.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <wq/error.h>

#include "base/totals.h"
#include "base/whole_number.h"
#include "queue/operations.h"
#include "redis/reply.h"

namespace wq::internal {
namespace {

// Room in the server's buffer of a connection besides the argument that it waits for.
constexpr std::size_t kBesideAWord = std::size_t{64} << 10U;

// The number that the server gives this setting; nothing where it does not say.
std::optional<std::size_t> setting(const Reply& reply) {
  if (!reply.value().is_array() || reply.value().size() != 2) return std::nullopt;
  return whole_number<std::size_t>(reply.value()[1].text());
}

void keep_beginning(std::string& text, std::size_t most) {
  if (text.size() <= most) return;
  const std::string note = fmt::format("... ({} bytes)", text.size());
  text.resize(most - note.size());
  text += note;
}

}  // namespace

std::size_t ask_for_longest_word(Connection& redis) {
  const auto [of_word, of_buffer] = redis.ask(
      {{"CONFIG", "GET", "proto-max-bulk-len"}, {"CONFIG", "GET", "client-query-buffer-limit"}});
  const auto word = setting(of_word);
  const auto buffer = setting(of_buffer);
  std::size_t longest = std::min(kLongestWord, word.value_or(kLongestWord));
  if (buffer) longest = std::min(longest, *buffer - std::min(*buffer, kBesideAWord));
  return longest;
}

std::optional<std::string> too_long(std::size_t bytes, std::size_t longest) {
  if (bytes <= longest) return std::nullopt;
  if (longest == kLongestWord) {
    return fmt::format("has {} bytes; the limit is {}", bytes, longest);
  }
  return fmt::format(
      "has {} bytes; this Redis takes no more than {} (proto-max-bulk-len, "
      "client-query-buffer-limit)",
      bytes, longest);
}

void check_still_taken(Connection& redis, std::size_t longest_sent) {
  if (longest_sent <= kAlwaysTaken) return;
  if (const auto why = too_long(longest_sent, ask_for_longest_word(redis))) {
    throw RefusedError("ERR an item or a result that is under way " + *why +
                       "; somebody has lowered that: raise it again");
  }
}

void check_checkpoint(std::string_view text) {
  if (text.size() <= kLongestCheckpoint) return;
  throw std::invalid_argument(
      fmt::format("a checkpoint has at most {} bytes, not {}", kLongestCheckpoint, text.size()));
}

std::size_t cost(const FollowUp& follow_up) noexcept {
  return follow_up.delay == std::chrono::milliseconds::zero() ? 1 : 2;
}

std::size_t longest_word(const Settlement& settlement) {
  const Outcome& outcome = settlement.outcome;
  std::size_t longest = settlement.lease.item.size();
  if (outcome.result) longest = std::max(longest, outcome.result->size());
  for (const FollowUp& each : outcome.follow_ups) longest = std::max(longest, each.item.size());
  return longest;
}

std::optional<std::string> too_large(const Outcome& outcome, std::size_t longest) {
  if (outcome.kind != Outcome::Kind::complete) {
    const std::size_t bytes = outcome.checkpoint ? outcome.checkpoint->size() : 0;
    if (bytes <= kLongestCheckpoint) return std::nullopt;
    return fmt::format("its checkpoint has {} bytes; the limit is {}", bytes, kLongestCheckpoint);
  }
  std::size_t bytes = 0;
  if (outcome.result) {
    bytes = outcome.result->size();
    if (const auto why = too_long(bytes, longest)) return "its result " + *why;
  }
  std::size_t costs = 0;
  for (const FollowUp& each : outcome.follow_ups) {
    costs += cost(each);
    bytes += each.item.size();
    if (const auto why = too_long(each.item.size(), longest)) return "a follow-up of it " + *why;
    if (each.delay < std::chrono::milliseconds::zero() || each.delay > kLongestDelay) {
      return fmt::format("the delay of a follow-up of it is {}; the limit is {}", each.delay,
                         std::chrono::hours{24});
    }
  }
  if (costs > kMostFollowUps) {
    return fmt::format(
        "it has {} follow-ups; the limit per item is {}, and those with a delay count twice",
        outcome.follow_ups.size(), kMostFollowUps);
  }
  if (auto wrong = reduce(outcome.totals).wrong) return wrong;
  if (bytes <= kMostOutcomeBytes) return std::nullopt;
  return fmt::format(
      "its result and its follow-ups have {} bytes together; {} are the most that one item may "
      "have",
      bytes, kMostOutcomeBytes);
}

void refuse_too_large(Outcome& outcome, std::size_t longest) {
  if (auto why = too_large(outcome, longest)) refuse(outcome, std::move(*why));
}

void refuse(Outcome& outcome, std::string why) {
  Failure failure;
  failure.kind = FailureKind::result;
  failure.message = std::move(why);
  const Usage usage = outcome.usage;
  outcome = Outcome::fatal(std::move(failure));
  outcome.usage = usage;
}

Failure shortened(Failure failure) {
  keep_beginning(failure.message, kLongestFailureText);
  for (std::string* word : {&failure.worker, &failure.host}) {
    keep_beginning(*word, kLongestFailureWord);
  }
  for (std::string* said : {&failure.stdout_tail, &failure.stderr_tail}) {
    if (said->size() > kLongestFailureText) said->erase(0, said->size() - kLongestFailureText);
  }
  return failure;
}

}  // namespace wq::internal
