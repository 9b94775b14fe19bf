#pragma once

#include <cstddef>

#include "model/search/state.h"

/// What the steps of a worker have in common.
namespace wq::test::search {

/// The worker has its answer, so it will not come back to the lease. If the lease is still there,
/// nobody works under it.
void finish(State& state, std::size_t index);

[[nodiscard]] LateRequest late(LateRequest::Kind kind, const Slot& slot);

/// False if there is no room for it.
[[nodiscard]] bool add_late(State& state, const LateRequest& request);

}  // namespace wq::test::search
