#pragma once

#include <vector>

#include "bench/bench.h"
#include "bench/result.h"

namespace wq::bench {

// The groups of measurements, each in a source of its own. Each checks what it did, and throws
// `WrongResult` if an item is missing or was worked on twice.

[[nodiscard]] std::vector<Result> measure_push(Bench& bench);
[[nodiscard]] std::vector<Result> measure_drain(Bench& bench);
[[nodiscard]] std::vector<Result> measure_one_by_one(Bench& bench);
/// What a slot costs that has nothing to do.
[[nodiscard]] std::vector<Result> measure_many_slots(Bench& bench);
/// What is queued, stuck, and working besides.
[[nodiscard]] std::vector<Result> measure_scaling(Bench& bench);
/// What is in flight, and in which order it ends.
[[nodiscard]] std::vector<Result> measure_settle_order(Bench& bench);
[[nodiscard]] std::vector<Result> measure_resident_memory(Bench& bench);
[[nodiscard]] std::vector<Result> measure_redis_memory(Bench& bench);
[[nodiscard]] std::vector<Result> measure_processes(Bench& bench);
/// What keeping results costs, recording attempts, adding totals, and follow-ups.
[[nodiscard]] std::vector<Result> measure_results(Bench& bench);
[[nodiscard]] std::vector<Result> measure_start_up(Bench& bench);
/// What a worker loses that has two queues.
[[nodiscard]] std::vector<Result> measure_several_queues(Bench& bench);
/// What a worker of a group of a thousand queues loses, and what it costs while it waits.
[[nodiscard]] std::vector<Result> measure_queue_group(Bench& bench);
/// What it costs that a replica confirms.
[[nodiscard]] std::vector<Result> measure_durable(Bench& bench);
/// What many workers cost while they wait and while they work, in one process.
[[nodiscard]] std::vector<Result> measure_fleet(Bench& bench);

}  // namespace wq::bench
