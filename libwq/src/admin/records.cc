#include "admin/records.h"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <string>
#include <tuple>

#include <nlohmann/json.hpp>

#include "base/whole_number.h"
#include "queue/operations.h"

namespace wq::internal {
namespace {

using Json = nlohmann::json;
using std::chrono::milliseconds;

// So far from any time that nobody can add up two of them to more than there is.
constexpr double kLatest = 1e15;

void read(const Json& json, const char* name, std::string& value) {
  const auto member = json.find(name);
  if (member != json.end() && member->is_string()) value = member->get<std::string>();
}

template <typename Number>
void read(const Json& json, const char* name, std::optional<Number>& value) {
  const auto member = json.find(name);
  if (member != json.end() && member->is_number_integer()) value = member->get<Number>();
}

void read(const Json& json, const char* name, std::optional<milliseconds>& value) {
  std::optional<std::int64_t> ms;
  read(json, name, ms);
  if (ms) value = milliseconds{std::max<std::int64_t>(0, *ms)};
}

// Numbers up to here are times and counts; their sums and differences are numbers too.
constexpr std::int64_t kLargest = std::int64_t{1} << 60U;

std::int64_t number_in(const Json& json, const char* name) {
  const auto member = json.find(name);
  if (member == json.end() || !member->is_number_integer()) return 0;
  if (member->is_number_unsigned()) {
    return static_cast<std::int64_t>(
        std::min<std::uint64_t>(member->get<std::uint64_t>(), kLargest));
  }
  return std::clamp<std::int64_t>(member->get<std::int64_t>(), 0, kLargest);
}

std::uint64_t count_of(const Json& json, const char* name) {
  return static_cast<std::uint64_t>(number_in(json, name));
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
  std::string kind;
  read(json, "kind", kind);
  if (!kind.empty()) failure.kind = failure_kind(kind);
  read(json, "message", failure.message);
  read(json, "exit_code", failure.exit_code);
  read(json, "signal", failure.signal);
  read(json, "max_rss_bytes", failure.max_rss_bytes);
  read(json, "cpu_ms", failure.cpu_time);
  read(json, "wall_ms", failure.wall_time);
  read(json, "stdout_tail", failure.stdout_tail);
  read(json, "stderr_tail", failure.stderr_tail);
  read(json, "worker", failure.worker);
  read(json, "host", failure.host);
  // For a worker without a heartbeat, the reclaimer records only its session.
  if (failure.worker.empty()) read(json, "holder", failure.worker);
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
  // The key of one of our leases outlives it.
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
  read(json, "label", worker.label);
  read(json, "host", worker.host);
  worker.pid = number_in(json, "pid");
  worker.slots = count_of(json, "slots");
  worker.holding = count_of(json, "holding");
  worker.completed = count_of(json, "completed");
  worker.failed = count_of(json, "failed");
  const std::int64_t started_ms = number_in(json, "started_ms");
  worker.started = ServerTime{milliseconds{started_ms}};
  worker.age = since(started_ms, server_ms);
  worker.silent = since(number_in(json, "seen_ms"), server_ms);
  // The age at the last heartbeat has grown since.
  if (worker.holding > 0)
    worker.oldest = milliseconds{number_in(json, "oldest_ms")} + worker.silent;
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
