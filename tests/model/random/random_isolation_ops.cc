#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/printable.h"
#include "model/random/random_run.h"

// Leases that get the mark of an item that is alone with its worker.

namespace wq::test::random {

// One that a worker holds or held, or that of another; rather one of which an equal item has died.
// It may have the mark already.
void RandomRun::isolate() {
  Worker& worker = random_worker();
  const Worker& from = one_in(8) ? random_worker() : worker;
  std::vector<Lease> leases = one_in(4) ? from.former : from.leased;
  if (leases.empty()) return;
  const std::vector<std::string> dead = operator_.items(ItemState::dead);
  std::stable_partition(leases.begin(), leases.end(), [&dead](const Lease& each) {
    return std::find(dead.begin(), dead.end(), each.item) != dead.end();
  });
  if (one_in(2)) leases.resize(1);
  const Lease lease = leases[below(leases.size())];
  if (one_in(4)) {
    // To the millisecond at which it ends, or next to it.
    const std::int64_t span_ms = model_.lease_left_ms(lease.item).value_or(0) -
                                 internal::kLeaseTail.count() + between(-1, 1);
    if (span_ms > 0 && span_ms < 60'000) advance(span_ms);
  }
  isolate_lease(worker, lease);
  if (one_in(3)) isolate_lease(worker, lease);
  if (!one_in(3)) return;
  // And dies.
  const std::int64_t left_ms =
      model_.lease_left_ms(lease.item).value_or(0) - internal::kLeaseTail.count();
  if (left_ms > 60'000) return;
  if (left_ms > 0) advance(left_ms);
  reclaim_items({lease.item});
}

void RandomRun::isolate_item(const std::string& item) {
  for (Worker& worker : workers_) {
    const std::vector<Lease> leased = worker.leased;
    for (const Lease& each : leased) {
      if (each.item == item) isolate_lease(worker, each);
    }
  }
}

void RandomRun::isolate_lease(Worker& worker, const Lease& lease) {
  note(fmt::format("isolate {}#{}", internal::printable(lease.item), lease.fence));
  internal::CommandBuffer call;
  internal::append_isolate(call, keys_, worker.session, lease);
  const internal::Reply reply = redis_.run(internal::scripts::isolate, call);
  const bool marked = reply.value().integer() == 1;
  expect("isolate", fmt::format("{}", marked),
         fmt::format("{}", model_.isolate(lease, worker.session)));
  if (!marked || one_in(5)) return;  // or the answer is lost
  for (Lease& each : worker.leased) {
    if (each.fence == lease.fence) each.alone = true;
  }
}

}  // namespace wq::test::random
