#include "admin/purge.h"

#include <algorithm>
#include <optional>
#include <span>
#include <string>

#include "admin/walk.h"
#include "queue/operations.h"
#include "script/script.h"

namespace wq::internal {
namespace {

constexpr std::size_t kLeasesAtOnce = 500;

// One try; nothing if a session began or ended in the middle of it. What a purge that was broken
// off has removed needs no second look: with its answer lost, the counts are those of an empty
// queue.
std::optional<std::string> remove_all(Connection& redis, const Keys& keys, PurgeReport& report) {
  Pipeline ask;
  ask.command({"ZRANGE", keys[Key::replays], "0", "-1"});
  const Reply sessions = redis.call(ask);
  const std::size_t n = sessions.value().size();
  Pipeline call;
  begin_call(call, scripts::purge, keys, n, n);
  for (std::size_t i = 0; i < n; ++i) call.word(keys.replay(sessions.value()[i].text()));
  for (std::size_t i = 0; i < n; ++i) call.word(sessions.value()[i].text());
  const Reply reply = run_script(redis, scripts::purge, call);
  const Value answer = reply.value();
  if (answer.size() == 0) return std::nullopt;
  report.keys = answer[1].count();
  report.results = answer[2].count();
  report.counts = read_counts(answer[3]);
  return std::string(answer[0].text());
}

void remove_leases(Link& link, const Keys& keys, std::span<const std::string> leases,
                   const std::string& fence, PurgeReport& report) {
  while (!leases.empty()) {
    const auto chunk = leases.first(std::min(leases.size(), kLeasesAtOnce));
    leases = leases.subspan(chunk.size());
    Pipeline call;
    begin_call(call, scripts::purge_leases, keys, chunk.size(), 1);
    for (const std::string& lease : chunk) call.word(lease);
    call.word(fence);
    report.leases += link.run([&](Connection& redis) {
      return run_script(redis, scripts::purge_leases, call).value().count();
    });
  }
}

}  // namespace

PurgeReport purge(Link& link, const Keys& keys) {
  PurgeReport report;
  std::optional<std::string> fence;
  while (!fence) {
    fence = link.run([&](Connection& redis) { return remove_all(redis, keys, report); });
  }
  for_keys(link, keys.lease_prefix(), [&](std::span<const std::string> found) {
    remove_leases(link, keys, found, *fence, report);
  });
  report.keys += report.leases;
  return report;
}

}  // namespace wq::internal
