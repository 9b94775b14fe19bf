// The second half of what is looked at; diagnose.cc has the first.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <sstream>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "doctor/findings.h"

namespace wq::internal {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr microseconds kSlowMedian = milliseconds{10};
constexpr microseconds kSlowWorst = milliseconds{1'000};
constexpr microseconds kClockOff = std::chrono::seconds{2};

std::string text(microseconds time) {
  const auto us = static_cast<double>(time.count());
  if (us < 1'000) return fmt::format("{:.0f} us", us);
  if (us < 1'000'000) return fmt::format("{:.1f} ms", us / 1'000);
  return fmt::format("{:.1f} s", us / 1'000'000);
}

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

void check_snapshots(Look& look) {
  const std::string save = look.setting("save");
  if (!look.facts.config.contains("save")) {
    return look.warn(
        "persistence",
        "no append-only file; when Redis saves could not be seen: "
        "CONFIG GET is refused",
        "What was done since the last save is lost in a crash, without saves the queue.",
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

void check_aof(Look& look) {
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

// The line of ACL SETUSER that gives what is missing.
std::string grant(const Look& look, const MissingRights& missing) {
  std::string rule = "ACL SETUSER " + look.facts.user;
  for (const std::string& command : missing.commands) rule += " +" + command;
  // Keys are tried with EVALSHA: without the right to it nothing is known of them.
  const auto& commands = missing.commands;
  const bool blind = std::find(commands.begin(), commands.end(), "evalsha") != commands.end();
  if (blind || !missing.keys.empty()) {
    rule += fmt::format(" ~{0} ~{0}:*", look.facts.queue);
  }
  return rule;
}

std::string missing_text(const std::string& who, Role role, const MissingRights& missing) {
  std::string text = fmt::format("{} may not do what {}s do:", who, name_of(role));
  if (!missing.commands.empty()) text += fmt::format(" {}", fmt::join(missing.commands, " "));
  if (missing.keys.empty()) return text;
  return text + fmt::format("{} keys {}", missing.commands.empty() ? "" : ";",
                            fmt::join(missing.keys, " "));
}

}  // namespace

void check_persistence(Look& look) {
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

void check_latency(Look& look) {
  std::vector<microseconds> times = look.facts.round_trips;
  if (times.empty()) return;
  std::sort(times.begin(), times.end());
  const microseconds median = times[times.size() / 2];
  const microseconds slowest = times.back();
  std::string what =
      fmt::format("PING takes {}, at worst {} of {}", text(median), text(slowest), times.size());
  if (median < kSlowMedian && slowest < kSlowWorst) return look.pass("latency", std::move(what));
  look.warn("latency", std::move(what),
            "Each worker needs about one round trip for a batch of items: with short items it "
            "waits more than it works. Pauses near a third of --lease cost leases.",
            "Run workers near Redis, raise --concurrency; look at SLOWLOG GET and LATENCY DOCTOR "
            "for what keeps Redis busy.");
}

void check_clock(Look& look) {
  if (!look.facts.clock_ahead) return look.blind("clock", "time");
  const microseconds ahead = *look.facts.clock_ahead;
  const microseconds off{std::abs(ahead.count())};
  if (off < kClockOff) return look.pass("clock", "the same here and there, to within 2 s");
  look.warn(
      "clock",
      fmt::format("our clock is {} {} the server's", text(off),
                  ahead.count() > 0 ? "ahead of" : "behind"),
      "Leases go by the server's clock alone, so nothing is lost; but the times in our logs and "
      "those kept with failures do not fit together.",
      "Let both be set by NTP.");
}

void check_connection(Look& look) {
  if (!look.facts.over_network) return look.pass("connection", "within this machine");
  const std::string_view login = look.facts.logs_in ? "with a password" : "without a password";
  if (look.facts.encrypted) {
    return look.pass("connection", fmt::format("over the network, encrypted, {}", login));
  }
  look.find(
      FindingLevel::ok, "connection", fmt::format("over the network, not encrypted, {}", login),
      "Whoever is on the way reads items and the password.",
      "Use it on a network that you trust, or let Redis speak TLS, and connect to rediss://.");
}

void check_keys(Look& look) {
  for (const KeyInTheWay& each : look.facts.in_the_way) {
    look.fail("keys",
              fmt::format("the key '{}' is a {} and not the {} of a queue", each.key, each.type,
                          each.needed),
              "It belongs to somebody else; our programs refuse to touch it.",
              "Choose another name for the queue, or remove the key if nobody needs it.");
  }
  if (look.facts.in_the_way.empty()) {
    look.pass("keys", "no keys of others where the queue has its own");
  }
}

void check_rights(Look& look) {
  for (const auto& [role, missing] : look.facts.rights) {
    const std::string who = "'" + look.facts.user + "'";
    if (missing.unknown) {
      look.warn("rights",
                fmt::format("whether {} may do what {}s do could not be seen: MULTI is refused",
                            who, name_of(role)),
                "A missing right ends programs with NOPERM, some only once an item fails.",
                fmt::format("ACL SETUSER {} +multi, while doctor looks.", look.facts.user));
    }
    if (!missing.absent.empty()) {
      look.fail("rights",
                fmt::format("the server does not know commands of {}s: {}", name_of(role),
                            fmt::join(missing.absent, " ")),
                "It ends with an error when it gets there, which for some commands is only when an "
                "item fails.",
                "Take their rename-command out of redis.conf.");
    }
    if (!missing.commands.empty() || !missing.keys.empty()) {
      look.fail("rights", missing_text(who, role, missing),
                "It ends with NOPERM when it gets there, which for some rights is only when an "
                "item fails.",
                grant(look, missing));
    }
    if (missing.none()) {
      look.pass("rights", fmt::format("{} may do what {}s do", who, name_of(role)));
    }
  }
}

}  // namespace wq::internal
