#include "queue/torn_aof.h"

#include <array>
#include <cstdint>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include <wq/clock.h>
#include <wq/error.h>

#include "base/backoff.h"
#include "base/random.h"
#include "base/say.h"
#include "base/version_number.h"
#include "base/wait.h"
#include "redis/command_buffer.h"

namespace wq::internal {
namespace {

using std::chrono::milliseconds;

// Redis notices the end of a rewrite ten times a second. Thousands may wait for the same one.
constexpr milliseconds kFirstLook{50};
constexpr milliseconds kLongestLook{1'000};
constexpr milliseconds kTellAfter{1'000};

constexpr const char* kDanger =
    "a kill may have left half a transaction at the end of its append-only file, which the next "
    "restart would execute: items would be lost or run twice";

// The first releases of Valkey whose notes name valkey-io/valkey#4342. 9.0 and 9.1 may have it too:
// a rewrite that was not needed does no harm.
constexpr std::array kWholeSince{VersionNumber{8, 0, 11}, VersionNumber{8, 1, 10}};
constexpr VersionNumber kAlwaysSince{9, 2, 0};

// Nothing if the user may not ask.
std::optional<Info> ask_persistence(Connection& redis) {
  Info info;
  for (const Reply& reply : redis.ask({{"INFO", "server"}, {"INFO", "persistence"}})) {
    if (reply.is_withheld()) return std::nullopt;
    read_info(reply.checked().value().text(), info);
  }
  return info;
}

}  // namespace

AofState read_aof(const Info& info) {
  const auto is = [&info](const std::string& field, std::string_view value) {
    return info_field(info, field) == value;
  };
  AofState state;
  state.kept = is("aof_enabled", "1") && !is("loading", "1");
  state.empty = is("aof_base_size", "0");
  state.rewriting = is("aof_rewrite_in_progress", "1") || is("aof_rewrite_scheduled", "1");
  const std::string took = info_field(info, "aof_last_rewrite_time_sec");
  state.rewritten = !took.empty() && took != "-1" && is("aof_last_bgrewrite_status", "ok");
  return state;
}

bool cuts_whole_transactions(const Info& info) {
  if (info_field(info, "server_name") != "valkey") return false;
  const auto found = version_number(info_field(info, "valkey_version"));
  if (!found) return false;
  for (const VersionNumber& since : kWholeSince) {
    if ((*found)[0] == since[0] && (*found)[1] == since[1]) return *found >= since;
  }
  return *found >= kAlwaysSince;
}

AofMender::AofMender(Log log, std::stop_token stop)
    : log_(std::move(log)), stop_(std::move(stop)) {}

void AofMender::mend(Connection& redis, milliseconds longest) {
  if (begin(redis)) wait(redis, longest);
}

void AofMender::ask(Connection& redis) { static_cast<void>(begin(redis)); }

// True if there is a rewrite to wait for.
bool AofMender::begin(Connection& redis) {
  const auto info = ask_persistence(redis);
  if (!info) return false;
  const AofState state = read_aof(*info);
  if (!state.kept || state.rewritten || cuts_whole_transactions(*info)) return false;
  std::string run_id = info_field(*info, "run_id");
  if (run_id == run_id_) return false;
  const bool will_be = state.rewriting || request(redis, state.empty);
  run_id_ = std::move(run_id);
  return will_be;
}

// `quiet`: as far as INFO tells there is nothing to mend.
bool AofMender::request(Connection& redis, bool quiet) {
  const auto [reply] = redis.ask({{"BGREWRITEAOF"}});
  if (!reply.value().is_error()) return true;
  const ReplyError error{std::string(reply.value().text())};
  if (error.transient()) throw error;
  // Another client was faster.
  if (reply.value().text().find("already in progress") != std::string_view::npos) return true;
  if (quiet) return false;
  say(log_, LogLevel::warning,
      fmt::format("Redis refuses BGREWRITEAOF ({}): {}. Allow it (ACL SETUSER USER "
                  "+bgrewriteaof), or run redis-check-aof --fix before each start of Redis",
                  error.what(), kDanger));
  return false;
}

void AofMender::wait(Connection& redis, milliseconds longest) {
  const TimePoint began = BootClock::now();
  bool told = false;
  for (std::uint64_t look = 1; !stop_.stop_requested(); ++look) {
    const auto info = ask_persistence(redis);
    if (!info) return;
    const AofState state = read_aof(*info);
    if (!state.rewriting) {
      if (!state.rewritten) {
        say(log_, LogLevel::warning,
            fmt::format("Redis could not rewrite its append-only file, see its log: {}", kDanger));
      }
      return;
    }
    const auto waited = BootClock::now() - began;
    if (waited >= longest) {
      say(log_, LogLevel::warning,
          fmt::format(
              "Redis is still rewriting its append-only file; continuing. Until it ends, {}",
              kDanger));
      return;
    }
    if (waited >= kTellAfter && !std::exchange(told, true)) {
      say(log_, LogLevel::info,
          "waiting for Redis to rewrite its append-only file (once after each start)");
    }
    wait_for(backoff_delay(look, kFirstLook, kLongestLook, random_fraction()), stop_);
  }
}

}  // namespace wq::internal
