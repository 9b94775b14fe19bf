#include "maintenance/promote.h"

#include "queue/operations.h"
#include "script/script.h"

namespace wq::internal {
namespace {

constexpr int kMostInOneCall = 100;

}  // namespace

void promote(Pass& pass) {
  CommandBuffer call;
  begin_call(call, scripts::promote, pass.keys, 0, 2);
  call.arg(kMostInOneCall);
  call.arg(kLongestDelay.count());
  std::uint64_t moved = 0;
  do {
    const Reply reply = run_script(pass.redis, scripts::promote, call);
    moved = reply.value()[0].count();
    pass.report.promoted += moved;
  } while (moved == kMostInOneCall);
}

}  // namespace wq::internal
