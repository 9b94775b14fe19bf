#include "maintenance/sweep_producers.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "queue/operations.h"
#include "script/script.h"

namespace wq::internal {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kDefaultHold{30'000};
constexpr milliseconds kSilentSession = std::chrono::hours{24};

milliseconds length_of_hold(const Pass& pass, const std::string& session) {
  const Reply length = pass.redis.call({"HGET", pass.keys.replay(session), "hold_ms"});
  return length.value().is_nil() ? kDefaultHold : milliseconds{length.value().integer()};
}

}  // namespace

void SweepProducers::reconnected() {
  holds_.clear();
  to_drop_.clear();
}

bool SweepProducers::pending() const noexcept {
  return std::any_of(holds_.begin(), holds_.end(),
                     [](const auto& each) { return each.second.expired; });
}

milliseconds SweepProducers::until_holds_end(Connection& redis, const Keys& keys) const {
  const Reply reply = redis.call({"ZRANGE", keys[Key::producers], "-1", "-1", "WITHSCORES"});
  if (reply.value().size() < 2) return milliseconds{0};
  const double left = std::strtod(std::string(reply.value()[1].text()).c_str(), nullptr) -
                      static_cast<double>(server_ms_);
  return milliseconds{static_cast<milliseconds::rep>(
      std::clamp(left, 0.0, static_cast<double>(kLongestHold.count())))};
}

void SweepProducers::run(Pass& pass) {
  const Reply reply = run_script(pass.redis, scripts::sweep, pass.keys, {}, kLongestHold.count(),
                                 kSilentSession.count(), std::exchange(to_drop_, {}));
  pass.report.holds += reply.value()[1].count();
  pass.server_ms = server_ms_ = reply.value()[0].integer();
  const Value silent = reply.value()[3];
  for (auto& [session, hold] : holds_) hold.still_there = false;
  watch_holds(pass, reply.value()[2], true);
  watch_holds(pass, reply.value()[4], false);
  std::erase_if(holds_, [](const auto& each) { return !each.second.still_there; });
  for (std::size_t i = 0; i < silent.size(); ++i) {
    run_script(pass.redis, scripts::close, pass.keys, {pass.keys.replay(silent[i].text())},
               silent[i].text(), pass.server_ms - kSilentSession.count());
  }
}

// An expired hold counts until its producer sent no heartbeat for the whole length of the hold:
// Redis may have been away for longer than that, and its producer with it.
void SweepProducers::watch_holds(const Pass& pass, const Value& holds, bool expired) {
  for (std::size_t i = 0; i + 1 < holds.size(); i += 2) {
    const std::string session(holds[i].text());
    const std::string expiry(holds[i + 1].text());
    Hold& hold = holds_[session];
    if (hold.expiry != expiry) hold = {.expiry = expiry, .last_sign = pass.now};
    hold.still_there = true;
    hold.expired = expired;
    if (!expired) continue;
    if (!hold.length) hold.length = length_of_hold(pass, session);
    if (pass.now - hold.last_sign >= *hold.length) {
      to_drop_.push_back(session);
      to_drop_.push_back(expiry);
    }
  }
}

}  // namespace wq::internal
