#include "maintenance/promote.h"

#include "queue/operations.h"
#include "script/script.h"

namespace wq::internal {
namespace {

constexpr int kMostInOneCall = 100;

}  // namespace

void promote(Pass& pass) {
  std::uint64_t moved = 0;
  do {
    const Reply reply = run_script(pass.redis, scripts::promote, pass.keys, {}, kMostInOneCall,
                                   kLongestDelay.count());
    moved = reply.value()[0].count();
    pass.report.promoted += moved;
  } while (moved == kMostInOneCall);
}

}  // namespace wq::internal
