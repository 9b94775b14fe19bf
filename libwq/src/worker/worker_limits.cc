// What a worker does about what is too large for its Redis.
#include <exception>
#include <vector>

#include <fmt/format.h>

#include <wq/error.h>

#include "base/printable.h"
#include "queue/limits.h"
#include "worker/worker_loop.h"

namespace wq::internal {

// Asks for the limit when it begins to matter, on a connection for the question alone: answers are
// under way on ours.
void WorkerLoop::learn_limit_for(std::size_t bytes) {
  if (bytes <= kAlwaysTaken || limit_of_ == link_.generation()) return;
  limit_of_ = link_.generation();
  longest_word_ = ReconnectingConnection(redis_, abandon_.get_token()).run(&ask_for_longest_word);
}

// Whatever is done to such an item, the server would close the connection for it.
void WorkerLoop::leave_what_is_too_long(std::vector<Lease>& leased) {
  std::erase_if(leased, [this](const Lease& lease) {
    learn_limit_for(lease.item.size());
    const auto why = too_long(lease.item.size(), longest_word_);
    if (!why) return false;
    refused_ = std::make_exception_ptr(RefusedError(
        fmt::format("ERR the item {}, which was pushed when Redis took longer ones, {}; raise that",
                    printable(lease.item), *why)));
    return true;
  });
}

}  // namespace wq::internal
