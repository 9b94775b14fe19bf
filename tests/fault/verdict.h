#pragma once

#include <map>
#include <string>
#include <vector>

#include "fault/plan.h"
#include "support/redis_client.h"

namespace wq::fault {

/// The queue of every round.
inline constexpr const char* kQueue = "q";
/// Gets a follow-up of each completion; nobody works on it.
inline constexpr const char* kNextQueue = "next";

/// What happened in a round that may leave keys behind.
struct Traces {
  bool producer_died = false;
  bool late_command = false;  ///< see `Tap::late`
};

/// What is wrong with what Redis holds after all workers left, one line each. `by_python`: what
/// RedisWQ clients said they had done, with how often.
[[nodiscard]] std::vector<std::string> judge_queue(test::RedisClient& redis, const Plan& plan,
                                                   const Traces& traces,
                                                   const std::map<std::string, int>& by_python);

/// True if the queue is drained now.
[[nodiscard]] bool is_drained(test::RedisClient& redis);

}  // namespace wq::fault
