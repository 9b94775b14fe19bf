#include <algorithm>
#include <cstdint>

#include <fmt/format.h>

#include "base/backoff.h"
#include "doctor/checks.h"

namespace wq::internal {

void check_clients(Diagnosis& look) {
  const std::uint64_t workers = look.options.workers;
  const auto now = look.number("connected_clients");
  auto most = look.number("maxclients");
  if (!now || !most) return look.blind("clients", "info");
  const std::uint64_t left = *most - std::min(*now, *most);
  const std::string what = fmt::format("{} connected, maxclients is {}", *now, *most);
  const std::string advice =
      "Raise maxclients and the limit of open files that Redis runs under, or run fewer workers "
      "with more --concurrency each.";
  // One worker is the reclaimer and has one more.
  const std::uint64_t needed = workers == 0 ? 0 : workers * kConnectionsOfAWorker + 1;
  if (needed > left) {
    return look.fail("clients", fmt::format("{}; {} more workers take {}", what, workers, needed),
                     "Workers without a connection wait, and fail after --redis-patience.", advice);
  }
  if (static_cast<double>(*now) > 0.9 * static_cast<double>(*most)) {
    return look.warn("clients", what, "A worker takes 2 connections; few more can start.", advice);
  }
  look.pass("clients",
            fmt::format("{}; room for {} more workers", what, left / kConnectionsOfAWorker));
}

}  // namespace wq::internal
