#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "fault/plan.h"

namespace wq::fault {

/// The program and arguments of a worker that drains the round's queue, and does with an item what
/// the end of its name says.
[[nodiscard]] std::vector<std::string> worker_command(Plan::Worker kind,
                                                      std::chrono::milliseconds lease);

}  // namespace wq::fault
