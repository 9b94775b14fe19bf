#include "queue/stream_link.h"

#include <utility>

#include <wq/error.h>

#include "base/say.h"
#include "queue/lease_stream.h"
#include "queue/operations.h"
#include "script/script.h"

namespace wq::internal {
namespace {

// How long leases are taken the longer way after Redis was found to be full.
constexpr std::chrono::seconds kPastOom{10};

}  // namespace

StreamLink::StreamLink(ReconnectingConnection& link, PopSize pop_size)
    : link_(link), mender_(link.options().log, link.stop()), pop_size_(pop_size) {}

StreamLink::StreamLink(ReconnectingConnection& link, ReconnectingConnection& aside,
                       PopSize pop_size)
    : link_(link), aside_(&aside), mender_(link.options().log, link.stop()), pop_size_(pop_size) {}

Connection& StreamLink::connection() {
  Connection& redis = link_.connection();
  if (prepared_ != link_.generation()) {
    mender_.mend(redis);
    load_scripts(redis,
                 {&scripts::pop, &scripts::settle, &scripts::renew, &scripts::write_at_maxmemory});
    prepared_ = link_.generation();
  }
  return redis;
}

void StreamLink::send(const CommandBuffer& commands) {
  if (holding_) {
    held_.add(commands);
  } else {
    link_.connection().send(commands);
  }
}

void StreamLink::flush() {
  holding_ = false;
  if (held_.size() > 0) order_.back()->flush();
}

void StreamLink::send_held() {
  if (held_.size() > 0) link_.connection().send(held_);
  held_.clear();
}

void StreamLink::attach(const Keys& keys) {
  CommandBuffer call;
  append_attach(call, keys);
  const auto raise = [&call](Connection& redis) {
    return run_script(redis, scripts::attach, call);
  };
  if (aside_ == nullptr) {
    read_attach(raise(connection()).value());
    return;
  }
  try {
    read_attach(aside_->run(raise).value());
  } catch (const RefusedError&) {  // each request is refused for itself
  }
}

void StreamLink::forget() noexcept {
  link_.drop();
  order_.clear();
  holding_ = false;
  held_.clear();
}

void StreamLink::note_memory(bool full, TimePoint asked_at) {
  if (full) write_at_maxmemory_until_ = asked_at + kPastOom;
  if (std::exchange(full_, full) == full) return;
  say(link_.options().log, full ? LogLevel::warning : LogLevel::info,
      full ? "Redis is out of memory (maxmemory): pushes wait, the queue can still be drained"
           : "Redis has memory again");
}

}  // namespace wq::internal
