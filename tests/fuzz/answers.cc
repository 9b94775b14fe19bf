// Answers of a server that is not Redis, or is not well: each operation reads sense from them or
// throws ProtocolError.

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include <wq/error.h>

#include "fuzz/fuzz.h"
#include "fuzz/resp.h"
#include "queue/operations.h"

namespace wq::fuzz {
namespace {

using internal::Popped;
using internal::Value;

constexpr std::size_t kAsked = 3;

template <typename Read>
void read_or_refuse(Read read) {
  try {
    read();
  } catch (const ProtocolError&) {
  } catch (const RefusedError&) {  // a key of another type is in the way
  }
}

void check_popped(const Popped& popped, std::uint64_t last_fence) {
  for (std::size_t i = 0; i < popped.items.size(); ++i) {
    const Lease& lease = popped.items[i];
    require(lease.hash == hash_item(lease.item), "a popped item has its own hash");
    require(lease.fence == last_fence - (popped.items.size() - 1 - i), "fences go up one by one");
    require(i == 0 || lease.fence > popped.items[i - 1].fence, "and never round the end");
  }
}

void read_pop(Value answer) {
  const Popped popped = internal::read_pop(answer);
  if (popped.items.empty()) return;
  require(popped.items.size() == answer[2].size(), "every item that was popped is taken up");
  check_popped(popped, static_cast<std::uint64_t>(answer[0].integer()));
}

void read_history(Value answer) {
  std::vector<Lease> leases(kAsked);
  read_or_refuse([&] { internal::read_failures(answer, leases); });
  read_or_refuse([&] { internal::read_crashes(answer, leases); });
  read_or_refuse([&] { internal::read_checkpoints(answer, leases); });
  for (const Lease& lease : leases) {
    require(lease.attempt() > lease.failures && lease.attempt() > lease.crashes,
            "a count of tries does not begin again at nothing");
  }
}

void read_lost(Value answer) {
  for (const std::size_t position : internal::read_positions(answer, kAsked)) {
    require(position < kAsked, "only what was asked for can be lost");
  }
}

void read_counts(Value answer) {
  const Counts counts = internal::read_counts(answer);
  require(!counts.drained() || !counts.id.empty(), "a queue without an id is not drained");
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  for (const std::uint64_t count : {counts.ready, counts.processing, counts.delayed, counts.dead,
                                    counts.producers, counts.pushed, counts.completed}) {
    require(count <= kMost, "no count is below zero");
  }
}

}  // namespace
}  // namespace wq::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace wq;
  fuzz::Bytes bytes(data, size);
  const std::uint8_t which = bytes.byte();
  std::string_view rest = bytes.rest();
  const auto reply = fuzz::read_reply(rest);
  if (!reply) return 0;
  const internal::Value answer = reply->value();
  fuzz::read_or_refuse([&] {
    switch (which) {
      case 'p':
        return fuzz::read_pop(answer);
      case 'k':
        return fuzz::check_popped(internal::read_claim(answer, "item"),
                                  static_cast<std::uint64_t>(answer[0].integer()));
      case 'h':
        return fuzz::read_history(answer);
      case 'l':
        return fuzz::read_lost(answer);
      case 'a':
        return internal::read_attach(answer);
      default:
        return fuzz::read_counts(answer);
    }
  });
  return 0;
}
