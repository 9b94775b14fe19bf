#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include <wq/producer.h>
#include <wq/redis_options.h>

#include "cli/log.h"
#include "cli/process.h"
#include "wq-push/sources.h"

namespace wq::push {

struct PushOptions {
  std::string queue;
  SourceOptions source;
  std::uint64_t skip = 0;
  std::size_t lanes = 0;  ///< 0: a queue without
  bool lanes_by_hash = false;
  bool fresh = false;
  bool dry_run = false;
  std::chrono::milliseconds delay{0};
  std::uint64_t per_second = 0;  ///< 0: as fast as it goes
  ProducerOptions producer;
  RedisOptions redis;
  cli::LogOptions log;
};

/// None if `--help` or `--version` was asked for and answered. Starts the log. Throws
/// `std::invalid_argument` for what is wrong, the queue's name and the URL included.
[[nodiscard]] std::optional<PushOptions> read_push_options(cli::Process& process, int argc,
                                                           const char* const* argv);

}  // namespace wq::push
