#pragma once

#include <string>
#include <vector>

#include "fault/plan.h"

namespace wq::fault {

/// The program and arguments of a worker that drains the round's queue, and does with an item what
/// the end of its name says.
[[nodiscard]] std::vector<std::string> worker_command(Plan::Worker kind, const Plan& plan);

}  // namespace wq::fault
