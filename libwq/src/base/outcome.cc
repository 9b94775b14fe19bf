#include <utility>

#include <wq/lease.h>

namespace wq {
namespace {

Outcome failed_as(Outcome::Kind kind, Failure failure) {
  Outcome outcome;
  outcome.kind = kind;
  outcome.failure = std::move(failure);
  return outcome;
}

Failure error(std::string message) {
  Failure failure;
  failure.message = std::move(message);
  return failure;
}

}  // namespace

FollowUp FollowUp::once(std::string item) {
  std::string key = item;
  return once(std::move(item), std::move(key));
}

FollowUp FollowUp::to(std::string queue, std::string item) {
  FollowUp follow_up(std::move(item));
  follow_up.queue = std::move(queue);
  return follow_up;
}

FollowUp FollowUp::once(std::string item, std::string key) {
  FollowUp follow_up(std::move(item));
  follow_up.once_key = std::move(key);
  return follow_up;
}

Outcome Outcome::complete() { return {}; }

Outcome Outcome::complete(std::string result) {
  Outcome outcome;
  outcome.result = std::move(result);
  return outcome;
}

Outcome Outcome::complete_json(std::string result) {
  Outcome outcome = complete(std::move(result));
  outcome.result_is_json = true;
  return outcome;
}

Outcome Outcome::fail(std::string message) {
  return failed_as(Kind::fail, error(std::move(message)));
}
Outcome Outcome::fail(Failure failure) { return failed_as(Kind::fail, std::move(failure)); }
Outcome Outcome::crash(Failure failure) { return failed_as(Kind::crash, std::move(failure)); }
Outcome Outcome::fatal(std::string message) {
  return failed_as(Kind::fatal, error(std::move(message)));
}
Outcome Outcome::fatal(Failure failure) { return failed_as(Kind::fatal, std::move(failure)); }

Outcome Outcome::release() {
  Outcome outcome;
  outcome.kind = Kind::release;
  return outcome;
}

Outcome Outcome::release(std::chrono::milliseconds delay) {
  Outcome outcome = release();
  outcome.release_delay = delay;
  return outcome;
}

}  // namespace wq
