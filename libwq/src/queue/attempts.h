#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <wq/lease.h>
#include <wq/queue.h>

namespace wq::internal {

/// The outcomes as the history has them, by `Outcome::Kind`.
inline constexpr std::array<std::string_view, 5> kOutcomes{"done", "failed", "crashed", "fatal",
                                                           "released"};

/// The history entry of the attempts settled in one call: always less than 1 MiB. Empty if no item
/// was begun.
struct RecordedAttempts {
  std::size_t begun = 0;
  std::string text{};
};
[[nodiscard]] RecordedAttempts record_attempts(std::span<const Settlement> settlements,
                                               std::string_view worker);

/// The attempts of an entry, but for those at the positions in `lost` ("1,3"), whose settlement was
/// refused. Any client may write such entries: invalid ones are left out.
[[nodiscard]] std::vector<Attempt> read_recorded(std::string_view text, std::string_view lost);

}  // namespace wq::internal
