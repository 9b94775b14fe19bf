#include "wq-push/pacer.h"

#include <algorithm>

namespace wq::push {

Pacer::Pacer(std::uint64_t per_second)
    : group_(std::max<std::uint64_t>(1, per_second / 10)),
      period_(std::chrono::nanoseconds(1'000'000'000 * group_ / per_second)) {}

std::optional<Pacer::Clock::duration> Pacer::before_next(Clock::time_point now) {
  if (left_ > 0) {
    --left_;
    return std::nullopt;
  }
  left_ = group_ - 1;
  // A waiter wakes up a little late each time; that alone does not shift all that follow.
  const Clock::time_point begin = now - next_ < period_ / 10 ? next_ : now;
  next_ = begin + period_;
  return std::max(begin - now, Clock::duration{0});
}

}  // namespace wq::push
