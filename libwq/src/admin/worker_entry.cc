#include "admin/worker_entry.h"

#include <algorithm>
#include <string>
#include <tuple>

#include <nlohmann/json.hpp>

namespace wq::internal {
namespace {

using std::chrono::milliseconds;

// Numbers up to here are times and counts; their sums and differences are numbers too.
constexpr std::int64_t kLargest = std::int64_t{1} << 60U;

std::int64_t number(const nlohmann::json& json, const char* name) {
  const auto member = json.find(name);
  if (member == json.end() || !member->is_number_integer()) return 0;
  if (member->is_number_unsigned()) {
    return static_cast<std::int64_t>(
        std::min<std::uint64_t>(member->get<std::uint64_t>(), kLargest));
  }
  return std::clamp<std::int64_t>(member->get<std::int64_t>(), 0, kLargest);
}

std::string text_of(const nlohmann::json& json, const char* name) {
  const auto member = json.find(name);
  return member == json.end() || !member->is_string() ? std::string() : member->get<std::string>();
}

std::uint64_t count_of(const nlohmann::json& json, const char* name) {
  return static_cast<std::uint64_t>(number(json, name));
}

// The server's clock may have gone back since.
milliseconds since(std::int64_t then_ms, std::int64_t now_ms) {
  return milliseconds{std::max<std::int64_t>(0, now_ms - then_ms)};
}

}  // namespace

WorkerInfo read_worker(std::string_view session, std::string_view entry, std::int64_t server_ms) {
  auto json = nlohmann::json::parse(entry, nullptr, false);
  if (!json.is_object()) json = nlohmann::json::object();
  WorkerInfo worker;
  worker.session = session;
  worker.label = text_of(json, "label");
  worker.host = text_of(json, "host");
  worker.pid = number(json, "pid");
  worker.slots = count_of(json, "slots");
  worker.holding = count_of(json, "holding");
  worker.completed = count_of(json, "completed");
  worker.failed = count_of(json, "failed");
  const std::int64_t started_ms = number(json, "started_ms");
  worker.started = ServerTime{milliseconds{started_ms}};
  worker.age = since(started_ms, server_ms);
  worker.silent = since(number(json, "seen_ms"), server_ms);
  // The age at the last heartbeat has grown since.
  if (worker.holding > 0) worker.oldest = milliseconds{number(json, "oldest_ms")} + worker.silent;
  return worker;
}

std::vector<WorkerInfo> read_workers(Connection& redis, const Keys& keys) {
  CommandBuffer ask;
  ask.command({"TIME"});
  ask.command({"HGETALL", keys[Key::workers]});
  redis.send(ask);
  const Reply time = redis.receive();
  const Reply entries = redis.receive();
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
