#include "admin/walk.h"

#include <cstdint>
#include <initializer_list>
#include <utility>
#include <vector>

#include "base/chunk_size.h"
#include "base/glob.h"

namespace wq::internal {
namespace {

// One of SCAN, HSCAN, ZSCAN to its end: with the words before and behind the cursor. It begins anew
// on a new connection, since another server, or the same after a restart, has another order.
void scan(ReconnectingConnection& link, std::initializer_list<std::string_view> before,
          std::initializer_list<std::string_view> behind, std::size_t step,
          const std::function<bool(std::span<const std::string>)>& look) {
  std::string cursor = "0";
  std::uint64_t begun_on = 0;
  do {
    std::vector<std::string> found;
    cursor = link.run([&](Connection& redis) {
      if (std::exchange(begun_on, link.generation()) != link.generation()) cursor = "0";
      CommandBuffer call;
      call.begin(before.size() + 1 + behind.size());
      for (const std::string_view word : before) call.arg(word);
      call.arg(cursor);
      for (const std::string_view word : behind) call.arg(word);
      const Reply reply = redis.call(call);
      found = reply.value()[1].texts(step);
      return std::string(reply.value()[0].text());
    });
    if (!found.empty() && !look(found)) return;
  } while (cursor != "0");
}

}  // namespace

void for_chunks(ReconnectingConnection& link, const std::string& list, From from,
                const LookAt& look) {
  ChunkSize chunk;
  const bool left = from == From::left;
  for (std::int64_t seen = 0;;) {
    std::int64_t n = 0;
    bool again = false;
    const std::vector<std::string> items = link.run([&](Connection& redis) {
      // The connection may have broken under the weight of the answer.
      if (std::exchange(again, true)) chunk.failed();
      n = static_cast<std::int64_t>(chunk.items());
      return redis
          .call({"LRANGE", list, std::to_string(left ? seen : -seen - n),
                 std::to_string(left ? seen + n - 1 : -seen - 1)})
          .value()
          .texts();
    });
    if (!items.empty()) look(items);
    if (static_cast<std::int64_t>(items.size()) < n) return;
    seen += n;
    std::size_t bytes = 0;
    for (const std::string& item : items) bytes += item.size();
    chunk.read(items.size(), bytes);
  }
}

void for_members(ReconnectingConnection& link, const std::string& set, std::string_view pattern,
                 const LookAt& look) {
  scan(link, {"ZSCAN", set}, {"MATCH", pattern, "COUNT", "100"}, 2, [&](auto members) {
    look(members);
    return true;
  });
}

void for_fields(ReconnectingConnection& link, const std::string& hash,
                const std::function<bool(std::span<const std::string>)>& look) {
  scan(link, {"HSCAN", hash}, {"COUNT", "100"}, 2, look);
}

void for_keys(ReconnectingConnection& link, const std::string& prefix, const LookAt& look) {
  scan(link, {"SCAN"}, {"MATCH", literal_glob(prefix) + "*", "COUNT", "500"}, 1, [&](auto keys) {
    look(keys);
    return true;
  });
}

}  // namespace wq::internal
