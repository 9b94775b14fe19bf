#include "admin/records.h"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <tuple>

#include "base/json_member.h"
#include "base/whole_number.h"
#include "queue/operations.h"

namespace wq::internal {
namespace {

using Json = nlohmann::json;
using std::chrono::milliseconds;

// Far from any real time, and the sum of two does not overflow.
constexpr double kLatest = 1e15;

std::optional<milliseconds> duration_in(const Json& json, const char* name) {
  const auto ms = integer_in<std::int64_t>(json, name);
  if (!ms) return std::nullopt;
  return milliseconds{std::max<std::int64_t>(0, *ms)};
}

std::uint64_t count_in(const Json& json, const char* name) {
  return static_cast<std::uint64_t>(amount_in(json, name));
}

// The server's clock may have gone back since.
milliseconds since(std::int64_t then_ms, std::int64_t now_ms) {
  return milliseconds{std::max<std::int64_t>(0, now_ms - then_ms)};
}

}  // namespace

void read_failure(std::string_view text, ItemInfo& item) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return;
  Failure& failure = item.failure.emplace();
  if (const auto kind = string_in(json, "kind")) failure.kind = failure_kind(*kind);
  failure.message = string_in(json, "message").value_or("");
  failure.exit_code = integer_in<int>(json, "exit_code");
  failure.signal = integer_in<int>(json, "signal");
  failure.max_rss_bytes = integer_in<std::uint64_t>(json, "max_rss_bytes");
  failure.cpu_time = duration_in(json, "cpu_ms");
  failure.wall_time = duration_in(json, "wall_ms");
  failure.stdout_tail = string_in(json, "stdout_tail").value_or("");
  failure.stderr_tail = string_in(json, "stderr_tail").value_or("");
  failure.worker = string_in(json, "worker").value_or("");
  failure.host = string_in(json, "host").value_or("");
  // For a worker without a heartbeat, the reclaimer records only its session.
  if (failure.worker.empty()) failure.worker = string_in(json, "holder").value_or("");
  const auto at = json.find("at_ms");
  if (at != json.end() && at->is_number()) {
    const double ms = std::clamp(at->get<double>(), 0.0, kLatest);
    item.failed_at = ServerTime{milliseconds{static_cast<std::int64_t>(ms)}};
  }
}

void read_lease(std::string_view holder, std::int64_t pttl_ms, ItemInfo& item) {
  const std::size_t mark = holder.find('#');
  item.holder = holder.substr(0, mark);
  const bool foreign = mark == std::string_view::npos;
  if (!foreign) {
    // Behind the fence there may be the mark of an item that is alone with its worker.
    item.fence = read_number(holder.substr(mark + 1, holder.find('!', mark) - mark - 1));
  }
  // The key of a lease of wq outlives the lease.
  item.left = pttl_ms == -1 ? milliseconds::max()
                            : milliseconds{pttl_ms} - (foreign ? milliseconds{0} : kLeaseTail);
}

ServerTime read_score(std::string_view score) {
  const double ms = std::strtod(std::string(score).c_str(), nullptr);
  return ServerTime{milliseconds{static_cast<std::int64_t>(ms > 0 ? std::min(ms, kLatest) : 0)}};
}

std::uint64_t read_number(std::string_view text, std::uint64_t otherwise) {
  return whole_number<std::uint64_t>(text).value_or(otherwise);
}

WorkerInfo read_worker(std::string_view session, std::string_view entry, std::int64_t server_ms) {
  auto json = Json::parse(entry, nullptr, false);
  if (!json.is_object()) json = Json::object();
  WorkerInfo worker;
  worker.session = session;
  worker.label = string_in(json, "label").value_or("");
  worker.host = string_in(json, "host").value_or("");
  worker.pid = amount_in(json, "pid");
  worker.slots = count_in(json, "slots");
  worker.holding = count_in(json, "holding");
  worker.completed = count_in(json, "completed");
  worker.failed = count_in(json, "failed");
  worker.item_time = std::chrono::microseconds{amount_in(json, "item_us")};
  const std::int64_t started_ms = amount_in(json, "started_ms");
  worker.started = ServerTime{milliseconds{started_ms}};
  worker.age = since(started_ms, server_ms);
  worker.silent = since(amount_in(json, "seen_ms"), server_ms);
  // The age at the last heartbeat has grown since.
  if (worker.holding > 0)
    worker.oldest = milliseconds{amount_in(json, "oldest_ms")} + worker.silent;
  return worker;
}

std::vector<WorkerInfo> read_workers(Connection& redis, const Keys& keys) {
  const auto [time, entries] = redis.ask({{"TIME"}, {"HGETALL", keys[Key::workers]}});
  const std::int64_t now_ms = time.checked().value().time_ms();
  const Value all = entries.checked().value();
  std::vector<WorkerInfo> workers;
  for (std::size_t i = 0; i + 1 < all.size(); i += 2) {
    workers.push_back(read_worker(all[i].text(), all[i + 1].text(), now_ms));
  }
  std::sort(workers.begin(), workers.end(), [](const WorkerInfo& a, const WorkerInfo& b) {
    return std::tie(a.started, a.session) < std::tie(b.started, b.session);
  });
  return workers;
}

}  // namespace wq::internal
