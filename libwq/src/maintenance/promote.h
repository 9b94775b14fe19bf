#pragma once

#include "maintenance/pass.h"

namespace wq::internal {

/// A step of a pass: moves the delayed items that are due to ready.
void promote(Pass& pass);

}  // namespace wq::internal
