#include "queue/registry.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include <wq/error.h>

#include "base/printable.h"
#include "base/say.h"
#include "script/script.h"

namespace wq::internal {
namespace {

std::string advice(const ReplyError& error) {
  if (error.code() == "WRONGTYPE") {
    return fmt::format("the key {} belongs to another application and is no sorted set; rename it",
                       kRegistryKey);
  }
  if (error.code() == "NOPERM") {
    return fmt::format("grant the right: ACL SETUSER NAME ~{}", kRegistryKey);
  }
  return error.what();
}

// Redis writes a double: it may have an exponent.
std::int64_t registered_at(std::string_view text) {
  double score = 0;
  std::from_chars(text.data(), text.data() + text.size(), score);
  constexpr double kMost = 1e15;  // whole numbers up to there are exact
  return score >= 0 && score <= kMost ? static_cast<std::int64_t>(score) : 0;
}

// One chunk from this score on. By score and not by place: names that are registered again move to
// the end, and the places of those behind them change.
Reply read_chunk(Connection& redis, std::string_view from, std::size_t skip) {
  Reply reply = std::move(
      redis.ask({{"ZRANGE", kRegistryKey, from, "+inf", "BYSCORE", "LIMIT", std::to_string(skip),
                  std::to_string(kRegisteredAtOnce), "WITHSCORES"}})[0]);
  if (reply.has_error("NOPERM") || reply.has_error("WRONGTYPE")) {
    const ReplyError error{std::string(reply.value().text())};
    throw RefusedError(fmt::format("{} the registry of queues, {}, cannot be read: {}",
                                   error.code(), kRegistryKey, advice(error)));
  }
  reply.checked();
  return reply;
}

bool may_be_queue(const std::string& name) {
  try {
    static_cast<void>(Keys(name));
    return true;
  } catch (const std::invalid_argument&) {
    return false;
  }
}

}  // namespace

bool register_queue(Connection& redis, const Keys& keys, const Log& log) {
  if (redis.is_cluster_node()) return false;
  try {
    run_script(redis, scripts::register_queue, keys, {kRegistryKey}, keys.queue());
  } catch (const ReplyError& error) {
    if (error.code() == "OOM") return true;
    if (error.transient()) throw;
    say(log, LogLevel::warning,
        fmt::format("queue {} could not be registered in {}, so workers of groups (--queues) "
                    "will not find it: {}",
                    printable(keys.queue()), kRegistryKey, advice(error)));
    return false;
  }
  return true;
}

void Registration::renew(Connection& redis, const Keys& keys, const Log& log) {
  if (refused_) return;
  const TimePoint now = BootClock::now();
  refused_ = !register_queue(redis, keys, log);
  at_ = now;
}

RegistryLook read_registry(Connection& redis, std::int64_t since_ms) {
  std::map<std::string, std::int64_t> found;
  RegistryLook look;
  look.server_ms = redis.call({"TIME"}).value().time_ms();
  std::string from = since_ms > 0 ? std::to_string(since_ms) : "-inf";
  std::size_t skip = 0;
  while (true) {
    const Reply reply = read_chunk(redis, from, skip);
    const Value chunk = reply.value();
    for (std::size_t i = 0; i + 1 < chunk.size(); i += 2) {
      found.insert_or_assign(std::string(chunk[i].text()), registered_at(chunk[i + 1].text()));
    }
    if (chunk.size() < 2 * kRegisteredAtOnce) break;
    // The last score once more, since more names may have it.
    const std::string last(chunk[chunk.size() - 1].text());
    skip = chunk[1].text() == last ? skip + kRegisteredAtOnce : 0;
    from = last;
  }
  for (auto& [name, ms] : found) {
    if (may_be_queue(name)) look.queues.push_back({name, ms});
  }
  return look;
}

std::optional<Registered> find_registered(Connection& redis, const Keys& keys) {
  if (redis.is_cluster_node()) return std::nullopt;
  const auto [reply] = redis.ask({{"ZSCORE", kRegistryKey, keys.queue()}});
  const Value score = reply.value();
  if (score.is_error() && ReplyError{std::string(score.text())}.transient()) score.checked();
  if (score.is_error() || score.is_nil()) return std::nullopt;
  return Registered{keys.queue(), registered_at(score.text())};
}

void forget_queues(Connection& redis, std::span<const Registered> gone) {
  if (redis.is_cluster_node()) return;
  const Keys no_queue("any");  // the script has no key of a queue
  while (!gone.empty()) {
    const auto chunk = gone.first(std::min(gone.size(), kRegisteredAtOnce));
    gone = gone.subspan(chunk.size());
    CommandBuffer call;
    begin_call(call, scripts::forget_queues, no_queue, 1, 2 * chunk.size());
    call.arg(kRegistryKey);
    for (const Registered& each : chunk) {
      call.arg(each.queue);
      call.arg(each.registered_ms);
    }
    try {
      run_script(redis, scripts::forget_queues, call);
    } catch (const ReplyError& error) {
      if (error.transient()) throw;
      return;
    }
  }
}

}  // namespace wq::internal
