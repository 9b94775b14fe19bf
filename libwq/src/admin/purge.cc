#include "admin/purge.h"

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "admin/walk.h"
#include "queue/operations.h"
#include "script/script.h"

namespace wq::internal {
namespace {

constexpr std::size_t kAtOnce = 500;

std::uint64_t count_of(Value value) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, value.integer()));
}

PurgeReport look(Connection& redis, const Keys& keys) {
  PurgeReport report;
  Pipeline counts;
  append_counts(counts, keys);
  report.counts = read_counts(run_script(redis, scripts::counts, counts).value());
  Pipeline results;
  results.command({"XLEN", keys[Key::results]});
  report.results = count_of(redis.call(results).value());
  return report;
}

// What a purge that was broken off has removed needs no second look: with the first answer lost,
// the counts of the second are those of an empty queue.
std::string remove_all(Link& link, const Keys& keys, PurgeReport& report) {
  return link.run([&](Connection& redis) {
    Pipeline ask;
    ask.command({"ZRANGE", keys[Key::replays], "0", "-1"});
    const Reply sessions = redis.call(ask);
    const std::size_t n = sessions.value().size();
    Pipeline call;
    begin_call(call, scripts::purge, keys, n, n);
    for (std::size_t i = 0; i < n; ++i) call.word(keys.replay(sessions.value()[i].text()));
    for (std::size_t i = 0; i < n; ++i) call.word(sessions.value()[i].text());
    const Reply reply = run_script(redis, scripts::purge, call);
    report.keys += count_of(reply.value()[1]);
    return std::string(reply.value()[0].text());
  });
}

void remove_leases(Link& link, const Keys& keys, std::span<const std::string> leases,
                   const std::string& fence, PurgeReport& report) {
  while (!leases.empty()) {
    const auto chunk = leases.first(std::min(leases.size(), kAtOnce));
    leases = leases.subspan(chunk.size());
    Pipeline call;
    begin_call(call, scripts::purge_leases, keys, chunk.size(), 1);
    for (const std::string& lease : chunk) call.word(lease);
    call.word(fence);
    report.leases += link.run([&](Connection& redis) {
      return count_of(run_script(redis, scripts::purge_leases, call).value());
    });
  }
}

}  // namespace

PurgeReport purge(Link& link, const Keys& keys) {
  PurgeReport report = link.run([&](Connection& redis) { return look(redis, keys); });
  std::vector<std::string> leases;
  for_chunks(link, keys[Key::processing], From::right, [&](std::span<const std::string> items) {
    for (const std::string& item : items) leases.push_back(keys.lease(hash_item(item)));
  });
  const std::string fence = remove_all(link, keys, report);
  remove_leases(link, keys, leases, fence, report);
  // Those of items that were popped meanwhile, or settled by a RedisWQ client.
  for_keys(link, keys.lease_prefix(), [&](std::span<const std::string> found) {
    remove_leases(link, keys, found, fence, report);
  });
  report.keys += report.leases;
  return report;
}

}  // namespace wq::internal
