#include "bench/bare_push.h"

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "bench/bare_connection.h"
#include "bench/item_maker.h"

namespace wq::bench {
namespace {

constexpr std::size_t kPushBatch = 1'000;
// Redis has the next batch before it is done with the one before. More gains nothing.
constexpr std::size_t kPushesInFlight = 2;

}  // namespace

double bare_push(Bench& bench, std::uint64_t n) {
  const StopWatch watch;
  BareConnection redis(bench.socket_path());
  ItemMaker maker;
  std::string items;
  std::vector<std::string_view> words;
  std::size_t in_flight = 0;
  for (std::uint64_t pushed = 0; pushed < n; pushed += kPushBatch) {
    items.clear();
    items.reserve(kPushBatch * kItemBytes);
    words.assign({"LPUSH", kQueue});
    for (std::size_t i = 0; i < kPushBatch; ++i) {
      items.append(maker.next());
      words.emplace_back(items.data() + i * kItemBytes, kItemBytes);
    }
    if (in_flight == kPushesInFlight) {
      redis.discard(1);
      --in_flight;
    }
    redis.append(words);
    redis.send();
    ++in_flight;
  }
  redis.discard(in_flight);
  const double seconds = watch.seconds();
  check_equal(static_cast<std::uint64_t>(bench.client().integer({"LLEN", kQueue})), n,
              "items that the bare loop pushed");
  return static_cast<double>(n) / seconds;
}

}  // namespace wq::bench
