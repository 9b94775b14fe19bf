#include <algorithm>
#include <cstdint>
#include <sstream>

#include <fmt/format.h>

#include "doctor/checks.h"

namespace wq::internal {
namespace {

// The longest time in "3600 1 300 100 60 10000", the first of each pair.
std::uint64_t rarest_save_seconds(const std::string& save) {
  std::istringstream words{save};
  std::uint64_t longest = 0;
  std::uint64_t seconds = 0;
  for (std::uint64_t changes = 0; words >> seconds >> changes;)
    longest = std::max(longest, seconds);
  return longest;
}

constexpr const char* kTurnOnAof =
    "CONFIG SET appendonly yes and CONFIG SET appendfsync everysec, and in redis.conf.";

void check_snapshots(Diagnosis& look) {
  const std::string save = look.setting("save");
  if (!look.facts.config.contains("save")) {
    return look.warn(
        "persistence",
        "no append-only file; when Redis saves could not be seen: "
        "CONFIG GET is refused",
        "A crash loses everything since the last save; without saves, the whole queue.",
        kTurnOnAof);
  }
  if (save.empty()) {
    return look.warn("persistence", "nothing is kept on disk",
                     "A crash or a restart of Redis loses the whole queue; workers and producers "
                     "then stop with an error.",
                     kTurnOnAof);
  }
  look.warn(
      "persistence", fmt::format("snapshots only (save {})", save),
      fmt::format("A crash loses what was done since the last one, up to {} min: items pushed "
                  "then are gone, items completed then are done again.",
                  (rarest_save_seconds(save) + 59) / 60),
      kTurnOnAof);
}

void check_aof(Diagnosis& look) {
  const std::string fsync = look.setting("appendfsync");
  if (look.info("aof_last_write_status") == "err") {
    return look.fail("persistence", "the last write to the append-only file failed",
                     "Redis takes no writes until it can keep them.",
                     "Look at its log and its disk, which may be full.");
  }
  if (fsync == "no") {
    return look.warn("persistence",
                     "an append-only file, written when the system likes "
                     "(appendfsync no)",
                     "A crash of the machine loses about 30 s: items pushed then are gone, items "
                     "completed then are done again.",
                     "CONFIG SET appendfsync everysec, and in redis.conf.");
  }
  if (fsync.empty()) {
    return look.warn("persistence",
                     "an append-only file; how often it is synced could not be seen: "
                     "CONFIG GET is refused",
                     "A crash of the machine loses what was not synced.",
                     "Make sure that appendfsync is everysec or always.");
  }
  const char* const cost =
      fsync == "always"
          ? "A crash loses nothing that was answered."
          : "A crash of the machine loses up to 2 s: items pushed then are gone, items "
            "completed then are done again. A crash of Redis alone loses nothing.";
  look.find(FindingLevel::ok, "persistence", fmt::format("an append-only file, synced {}", fsync),
            cost, "");
}

}  // namespace

void check_persistence(Diagnosis& look) {
  const std::string aof = look.info("aof_enabled");
  if (aof.empty()) return look.blind("persistence", "info");
  if (look.info("rdb_last_bgsave_status") == "err" &&
      look.setting("stop-writes-on-bgsave-error") == "yes") {
    look.fail("persistence", "the last save failed",
              "Redis takes no writes until one succeeds (stop-writes-on-bgsave-error).",
              "Look at its log, its disk and its memory.");
  }
  if (aof == "1") {
    check_aof(look);
  } else {
    check_snapshots(look);
  }
}

}  // namespace wq::internal
