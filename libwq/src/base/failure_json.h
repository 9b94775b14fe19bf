#pragma once

#include <wq/lease.h>

namespace wq::internal {

/// Puts the members of a failure into a JSON object: those that are known, without its kind and its
/// message. A template, since the programs keep the order of members.
template <typename Json>
void put_failure(Json& object, const Failure& failure) {
  if (failure.exit_code) object["exit_code"] = *failure.exit_code;
  if (failure.signal) object["signal"] = *failure.signal;
  if (failure.max_rss_bytes) object["max_rss_bytes"] = *failure.max_rss_bytes;
  if (failure.cpu_time) object["cpu_ms"] = failure.cpu_time->count();
  if (failure.wall_time) object["wall_ms"] = failure.wall_time->count();
  if (!failure.worker.empty()) object["worker"] = failure.worker;
  if (!failure.host.empty()) object["host"] = failure.host;
  if (!failure.stdout_tail.empty()) object["stdout_tail"] = failure.stdout_tail;
  if (!failure.stderr_tail.empty()) object["stderr_tail"] = failure.stderr_tail;
}

}  // namespace wq::internal
