#include "maintenance/group_reclaimer.h"

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <wq/error.h>

#include "base/keys.h"
#include "base/say.h"
#include "base/wait.h"
#include "maintenance/elected_reclaimer.h"
#include "maintenance/heartbeat.h"
#include "queue/server_check.h"

namespace wq::internal {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// As for the passes of a single queue, but rarer where there are thousands that have work.
constexpr int kRestPerLook = 50;
constexpr milliseconds kLongestRestOfGroup{5'000};
constexpr std::size_t kQueuesAtOnce = 500;
constexpr std::chrono::minutes kAvoid{1};
// A connection that took longer to be made again may have cost workers their renewals.
constexpr milliseconds kNoOutage{1'000};
// Scores that lie too far in the future, since the server's clock went back, are cut by a pass.
constexpr std::chrono::minutes kWholeLook{1};

void append_questions(CommandBuffer& out, const Keys& keys, std::string_view now) {
  out.command({"LLEN", keys[Key::processing]});
  for (const Key set : {Key::delayed, Key::producers}) {
    out.command({"ZRANGEBYSCORE", keys[set], "-inf", now, "LIMIT", "0", "1"});
  }
}

// A queue that Redis refuses to show has none for us.
bool read_whether_it_has_work(Connection& redis) {
  const Reply processing = redis.receive();
  const Reply due = redis.receive();
  const Reply expired = redis.receive();
  if (processing.value().is_error() || due.value().is_error() || expired.value().is_error()) {
    return false;
  }
  return processing.value().count() > 0 || due.value().size() > 0 || expired.value().size() > 0;
}

}  // namespace

GroupReclaimer::GroupReclaimer(const std::string& pattern, RedisOptions redis, milliseconds lease,
                               std::string session, Log log, Names names)
    : office_(std::string(kRegistryKey) + ":reclaimer:" + pattern),
      lease_(lease),
      session_(std::move(session)),
      log_(std::move(log)),
      names_(std::move(names)),
      redis_(for_reclaimer(std::move(redis))) {}

void GroupReclaimer::run(const std::stop_token& stop) {
  link_ = std::make_unique<ReconnectingConnection>(redis_, stop,
                                                   [](Connection& fresh) { check_server(fresh); });
  while (!stop.stop_requested()) {
    try {
      serve(stop);
    } catch (const Error& error) {
      say(log_, LogLevel::debug, fmt::format("the reclaimer of the group ends: {}", error.what()));
    }
    wait_for(kExtendEvery, stop);
  }
}

void GroupReclaimer::serve(const std::stop_token& stop) {
  const milliseconds pause = pause_between_passes(lease_);
  TimePoint next_look{};
  bool was_in_office = false;
  while (!stop.stop_requested() && hold_office(Heartbeat::kTenure)) {
    was_in_office = true;
    const TimePoint begin = BootClock::now();
    if (begin >= next_look) {
      look(begin);
      const TimePoint end = BootClock::now();
      const nanoseconds rest =
          std::min<nanoseconds>(kRestPerLook * (end - begin), kLongestRestOfGroup);
      next_look = end + std::max<nanoseconds>(pause, rest);
    }
    const auto until_look = std::chrono::ceil<milliseconds>(next_look - BootClock::now());
    wait_for(std::clamp(until_look, milliseconds{0}, pause), stop);
  }
  passes_.clear();
  if (was_in_office && link_->connected()) hold_office(milliseconds{1});  // resign
}

// Two may be in office for a moment, which costs time only. A Redis that is out of memory takes no
// bid, and what returns items must not wait for that.
bool GroupReclaimer::hold_office(milliseconds time) {
  const std::string ms = std::to_string(time.count());
  return link_->run([&](Connection& redis) {
    const auto [bid, holder, tenure] = redis.ask(
        {{"SET", office_, session_, "NX", "PX", ms}, {"GET", office_}, {"PTTL", office_}});
    if (bid.has_error("OOM") || bid.has_error("NOPERM")) return true;
    if (!bid.checked().value().is_nil()) return true;
    const bool ours = !holder.checked().value().is_nil() && holder.value().text() == session_;
    const std::int64_t left_ms = tenure.checked().value().integer();
    // Too long: the server's clock went back, or another client removed the expiry.
    if (ours || left_ms == -1 || left_ms > Heartbeat::kTenure.count()) {
      redis.call({"PEXPIRE", office_, ours ? ms : std::to_string(Heartbeat::kTenure.count())});
    }
    return ours;
  });
}

void GroupReclaimer::look(TimePoint now) {
  report_ = {};
  std::erase_if(avoided_, [now](const auto& each) { return now >= each.second; });
  const bool whole = now >= whole_look_at_;
  if (whole) whole_look_at_ = now + kWholeLook;
  const std::set<std::string> with_work = find_work(whole);
  for (const std::string& name : with_work) passes_.try_emplace(name, name, ReclaimerOptions{});
  TimePoint extended = now;
  for (auto& [name, queue] : passes_) {
    if (avoided_.contains(name) || (!with_work.contains(name) && !queue.pending())) continue;
    link_->run([&, &one = queue](Connection& redis) {
      pass(redis, one, BootClock::now());
      return true;
    });
    if (BootClock::now() - extended < kExtendEvery) continue;
    extended = BootClock::now();
    if (!hold_office(Heartbeat::kTenure)) break;
  }
  std::erase_if(passes_, [&](const auto& each) {
    const auto& [name, queue] = each;
    return avoided_.contains(name) || (!with_work.contains(name) && !queue.pending());
  });
  tell_returned(log_, report_);
}

// `whole`: also what is not due.
std::set<std::string> GroupReclaimer::find_work(bool whole) {
  const auto names = names_();
  return link_->run([&](Connection& redis) {
    std::set<std::string> found;
    const std::string now = whole ? "+inf" : std::to_string(redis.call({"TIME"}).value().time_ms());
    for (std::size_t begin = 0; begin < names->size(); begin += kQueuesAtOnce) {
      const auto chunk =
          std::span(*names).subspan(begin).first(std::min(kQueuesAtOnce, names->size() - begin));
      CommandBuffer questions;
      for (const std::string& name : chunk) append_questions(questions, Keys(name), now);
      redis.send(questions);
      for (const std::string& name : chunk) {
        if (read_whether_it_has_work(redis) && !avoided_.contains(name)) found.insert(name);
      }
    }
    return found;
  });
}

// What one queue has in the way keeps no other queue waiting.
void GroupReclaimer::pass(Connection& redis, QueuePass& queue, TimePoint now) {
  if (connection_ != link_->generation()) {
    connection_ = link_->generation();
    if (now - std::exchange(dropped_at_, TimePoint{}) > kNoOutage) {
      ++generation_;
      connected_at_ = now;
    }
  }
  try {
    report_ += queue.run(redis, generation_, connected_at_, now);
  } catch (const ConnectionError&) {
    throw;
  } catch (const ReplyError& error) {
    if (error.transient()) throw;
    avoid(queue, error.what(), now);
  } catch (const ProtocolError& error) {
    avoid(queue, error.what(), now);
  }
}

void GroupReclaimer::avoid(const QueuePass& queue, std::string_view why, TimePoint now) {
  say(log_, LogLevel::debug,
      fmt::format("the reclaimer passes over queue '{}': {}", queue.keys().queue(), why));
  avoided_[queue.keys().queue()] = now + kAvoid;
  link_->drop();  // answers may be under way
  dropped_at_ = BootClock::now();
}

}  // namespace wq::internal
