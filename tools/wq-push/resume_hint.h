#pragma once

#include <cstdint>
#include <string>

#include <wq/producer.h>

#include "wq-push/push_options.h"

namespace wq::push {

/// What to say after an end that came too early: how many items are in, and how to go on. `given`
/// is how many were handed to the producer; what `report` does not know of is in doubt.
[[nodiscard]] std::string how_to_go_on(const PushOptions& options, const PushReport& report,
                                       std::uint64_t given);

}  // namespace wq::push
