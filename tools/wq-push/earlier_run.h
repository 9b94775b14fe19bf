#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>

#include <wq/queue.h>

#include "wq-push/push_options.h"

namespace wq::push {

/// The contents of the queue before the first push.
struct EarlierRun {
  Counts counts;
  std::uint64_t results = 0;  ///< kept

  /// The queue was filled and drained, and nothing was added since.
  [[nodiscard]] bool drained() const noexcept {
    return !counts.id.empty() && counts.producers == 0 &&
           counts.ready + counts.processing + counts.delayed == 0;
  }
};

/// Nothing if the user may not read it. Throws `ConnectionError`.
[[nodiscard]] std::optional<EarlierRun> look_for_earlier_run(const std::string& queue,
                                                             const RedisOptions& redis,
                                                             std::stop_token stop);

/// That the queue was drained before, what it holds, and what to do if it should not be added to.
[[nodiscard]] std::string drained_before(const std::string& queue, const EarlierRun& run);

/// For `--fresh`: removes all of the queue and says what that was, or says in an exception derived
/// from `wq::Error` why nothing was removed: somebody works on it or fills it, or Redis is not fit
/// for a push.
void begin_anew(const PushOptions& options, const RedisOptions& redis, std::stop_token stop);

}  // namespace wq::push
