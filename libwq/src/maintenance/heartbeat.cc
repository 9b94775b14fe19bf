#include "maintenance/heartbeat.h"

#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include <wq/error.h>

#include "queue/operations.h"
#include "queue/waiting.h"
#include "script/script.h"

namespace wq::internal {
namespace {

constexpr std::chrono::milliseconds kDeadWorker = std::chrono::minutes{10};

}  // namespace

bool is_alive(std::string_view entry, std::int64_t server_ms) {
  const auto status = nlohmann::json::parse(entry, nullptr, false);
  if (!status.is_object() || !status.contains("seen_ms")) return false;
  if (!status["seen_ms"].is_number_integer()) return false;
  const auto seen_ms = status["seen_ms"].get<std::int64_t>();
  if (seen_ms >= server_ms) return true;
  // The difference of any two numbers, the first of which is the greater, fits without a sign.
  const auto age_ms = static_cast<std::uint64_t>(server_ms) - static_cast<std::uint64_t>(seen_ms);
  return age_ms < static_cast<std::uint64_t>(kDeadWorker.count());
}

Heartbeat::Heartbeat(ReconnectingConnection& link, const Keys& keys, std::string session)
    : link_(link), keys_(keys), session_(std::move(session)) {}

bool Heartbeat::beat(const WorkerStatus& status, bool bids) {
  if (bids && !status.waits.empty() && status.waits == waits_) {
    const TimePoint now = BootClock::now();
    server_ms_ += std::chrono::duration_cast<std::chrono::milliseconds>(now - beat_at_).count();
    beat_at_ = now;
    if (const auto elected = try_beat_at_rest(entry(status))) return *elected;
  }
  waits_.clear();
  const auto [time, stats, workers] = link_.connection().ask(
      {{"TIME"}, {"HMGET", keys_[Key::stats], "id", "pushed"}, {"HLEN", keys_[Key::workers]}});
  server_ms_ = time.checked().value().time_ms();
  const Value id = stats.checked().value()[0];
  const Value pushed = stats.value()[1];
  queue_id_ = id.is_nil() ? "" : id.text();
  pushed_ = pushed.is_nil() ? 0 : pushed.count();
  workers_ = workers.checked().value().count();
  beat_at_ = BootClock::now();
  if (started_ms_ == 0) started_ms_ = server_ms_;
  const std::string json = entry(status);
  auto elected = try_beat(json, bids, false);
  if (!elected) elected = try_beat(json, bids, true);
  if (elected) waits_ = status.waits;
  return elected.value_or(false);
}

// The expiry is as at the heartbeat before; and an office that never ends is seen by who is awake.
std::optional<bool> Heartbeat::try_beat_at_rest(const std::string& json) {
  CommandBuffer out;
  out.command({"HSET", keys_[Key::workers], session_, json});
  if (queue_id_.empty()) {
    out.command({"PEXPIRE", keys_[Key::workers], std::to_string(kDeadWorker.count())});
  }
  out.command(
      {"SET", keys_[Key::reclaimer], session_, "NX", "PX", std::to_string(kTenure.count())});
  Connection& redis = link_.connection();
  redis.send(out);
  const Reply written = redis.receive();
  if (queue_id_.empty()) redis.receive().checked();
  const Reply vote = redis.receive();
  if (written.has_error("OOM") || vote.has_error("OOM")) return std::nullopt;
  written.checked();
  return !vote.checked().value().is_nil();
}

std::optional<bool> Heartbeat::try_beat(const std::string& json, bool bids,
                                        bool write_at_maxmemory) {
  Connection& redis = link_.connection();
  if (write_at_maxmemory) load_scripts(redis, {&scripts::write_at_maxmemory});
  CommandBuffer out;
  append_write(out, keys_, write_at_maxmemory, "HSET", keys_[Key::workers], {session_, json});
  // Of a queue that has not begun nothing stays, whatever ends: its name may have been a mistake.
  if (queue_id_.empty()) {
    out.command({"PEXPIRE", keys_[Key::workers], std::to_string(kDeadWorker.count())});
  } else {
    out.command({"PERSIST", keys_[Key::workers]});
  }
  if (bids) {
    append_write(out, keys_, write_at_maxmemory, "SET", keys_[Key::reclaimer],
                 {session_, "NX", "PX", std::to_string(kTenure.count())});
    out.command({"PTTL", keys_[Key::reclaimer]});
  }
  redis.send(out);
  const Reply written = redis.receive();
  const Reply expiry = redis.receive();
  const std::optional<bool> elected = bids ? read_vote(redis) : std::make_optional(false);
  if (written.has_error("OOM")) return std::nullopt;
  written.checked();
  expiry.checked();
  return elected;
}

std::optional<bool> Heartbeat::read_vote(Connection& redis) {
  const Reply vote = redis.receive();
  const Reply tenure = redis.receive();
  if (vote.has_error("OOM")) return std::nullopt;
  const std::int64_t left_ms = tenure.checked().value().integer();
  if (left_ms == -1 || left_ms > kTenure.count()) {
    // The server's clock went back, or another client removed the expiry.
    redis.call({"PEXPIRE", keys_[Key::reclaimer], std::to_string(kTenure.count())});
  }
  return !vote.checked().value().is_nil();
}

void Heartbeat::leave(bool drained) {
  if (drained) {
    // In one write, so that of thousands that leave together one has to end the waits of others.
    const auto [all, removed] =
        link_.connection().ask({{"HGETALL", keys_[Key::workers]}, {"DEL", keys_[Key::workers]}});
    removed.checked();
    // If that breaks, the next try finds no heartbeats any more.
    if (!all.value().is_error()) {
      for (std::string& each : waits_of_others(all.value(), session_)) {
        to_wake_.push_back(std::move(each));
      }
    }
    end_waits(link_.connection(), to_wake_);
  } else {
    link_.connection().call({"HDEL", keys_[Key::workers], session_});
  }
}

// Who rests is heard of again only after a while: until then nobody is to take it for silent, and
// those that know nothing of resting look at `seen_ms` alone.
std::string Heartbeat::entry(const WorkerStatus& status) const {
  nlohmann::json json({{"label", status.label},
                       {"host", status.host},
                       {"pid", status.pid},
                       {"slots", status.slots},
                       {"holding", status.holding},
                       {"oldest_ms", status.oldest.count()},
                       {"completed", status.completed},
                       {"failed", status.failed},
                       {"item_us", status.item_time.count()},
                       {"started_ms", started_ms_},
                       {"seen_ms", server_ms_ + status.next.count()}});
  if (!status.waits.empty()) json[kWaitsField] = status.waits;
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace wq::internal
