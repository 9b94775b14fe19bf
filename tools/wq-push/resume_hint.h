#pragma once

#include <cstdint>
#include <string>

#include <wq/producer.h>

#include "wq-push/push_options.h"

namespace wq::push {

/// The message after an early end: the number of items pushed, and how to resume. `given` is the
/// number of items passed to the producer; items that `report` does not cover are uncertain.
[[nodiscard]] std::string how_to_go_on(const PushOptions& options, const PushReport& report,
                                       std::uint64_t given);

}  // namespace wq::push
