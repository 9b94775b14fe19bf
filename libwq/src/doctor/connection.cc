#include <algorithm>
#include <chrono>
#include <cstdlib>

#include <fmt/format.h>

#include <wq/clock.h>

#include "doctor/checks.h"

namespace wq::internal {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr microseconds kSlowMedian = milliseconds{10};
constexpr microseconds kSlowWorst = milliseconds{1'000};
constexpr microseconds kClockOff = std::chrono::seconds{2};

std::string time_text(microseconds time) {
  const auto us = static_cast<double>(time.count());
  if (us < 1'000) return fmt::format("{:.0f} us", us);
  if (us < 1'000'000) return fmt::format("{:.1f} ms", us / 1'000);
  return fmt::format("{:.1f} s", us / 1'000'000);
}

}  // namespace

void read_connection(Examination& look) {
  for (unsigned i = 0; i < look.options.pings; ++i) {
    const TimePoint sent_at = BootClock::now();
    static_cast<void>(look.redis.ask({{"PING"}}));
    look.facts.round_trips.push_back(
        std::chrono::duration_cast<microseconds>(BootClock::now() - sent_at));
  }
  const auto before = std::chrono::system_clock::now();
  const auto reply = ask(look.redis, {"TIME"}, "TIME", look.facts);
  if (!reply) return;
  const auto middle = before + (std::chrono::system_clock::now() - before) / 2;
  look.facts.clock_ahead =
      std::chrono::duration_cast<microseconds>(middle.time_since_epoch()) - reply->value().time();
}

void check_latency(Diagnosis& look) {
  std::vector<microseconds> times = look.facts.round_trips;
  if (times.empty()) return;
  std::sort(times.begin(), times.end());
  const microseconds median = times[times.size() / 2];
  const microseconds slowest = times.back();
  std::string what = fmt::format("PING takes {}, at worst {} of {}", time_text(median),
                                 time_text(slowest), times.size());
  if (median < kSlowMedian && slowest < kSlowWorst) return look.pass("latency", std::move(what));
  look.warn("latency", std::move(what),
            "Each worker needs about one round trip for a batch of items: with short items it "
            "waits more than it works. Pauses near a third of --lease cost leases.",
            "Run workers near Redis, raise --concurrency; look at SLOWLOG GET and LATENCY DOCTOR "
            "for what keeps Redis busy.");
}

void check_clock(Diagnosis& look) {
  if (!look.facts.clock_ahead) return look.blind("clock", "time");
  const microseconds ahead = *look.facts.clock_ahead;
  const microseconds off{std::abs(ahead.count())};
  if (off < kClockOff) return look.pass("clock", "local and server clocks agree to within 2 s");
  look.warn(
      "clock",
      fmt::format("the local clock is {} {} the server's", time_text(off),
                  ahead.count() > 0 ? "ahead of" : "behind"),
      "Leases use only the server's clock, so nothing is lost; but times in local logs and in "
      "failures do not match.",
      "Synchronise both with NTP.");
}

void check_connection(Diagnosis& look) {
  if (!look.facts.over_network) return look.pass("connection", "within this machine");
  const std::string_view login = look.facts.logs_in ? "with a password" : "without a password";
  if (look.facts.encrypted) {
    return look.pass("connection", fmt::format("over the network, encrypted, {}", login));
  }
  look.find(FindingLevel::ok, "connection",
            fmt::format("over the network, not encrypted, {}", login),
            "Anyone on the network path can read items and the password.",
            "Use a trusted network, or enable TLS in Redis and connect to rediss://.");
}

}  // namespace wq::internal
