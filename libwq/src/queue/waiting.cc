#include "queue/waiting.h"

#include <algorithm>
#include <chrono>
#include <span>

#include <nlohmann/json.hpp>

#include <wq/error.h>

#include "base/info.h"
#include "base/wait.h"
#include "redis/command_buffer.h"

namespace wq::internal {
namespace {

// Redis serves other clients in between.
constexpr std::size_t kWaitsAtOnce = 1'000;
// A worker that has looked at the queue just before a change may not wait yet. So whoever did not
// wait is tried again.
constexpr int kTries = 4;
constexpr std::chrono::milliseconds kTryAgain{20};

// Nothing for an error that does not pass.
std::optional<Value> answer_of(const Reply& reply) {
  if (!reply.value().is_error()) return reply.value();
  const ReplyError error{std::string(reply.value().text())};
  if (error.transient()) throw error;
  return std::nullopt;
}

std::string run_of(Connection& redis) {
  const auto [reply] = redis.ask({{"INFO", "server"}});
  const auto text = answer_of(reply);
  if (!text) return "";
  Info info;
  read_info(text->text(), info);
  return info_field(info, "run_id");
}

std::string waits_in(std::string_view entry) {
  const auto json = nlohmann::json::parse(entry, nullptr, false);
  if (!json.is_object()) return "";
  const auto found = json.find(kWaitsField);
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

// Keeps those that did not wait. False if Redis refuses.
bool try_to_end(Connection& redis, std::vector<std::string>& clients) {
  std::vector<std::string> left;
  for (std::size_t begin = 0; begin < clients.size(); begin += kWaitsAtOnce) {
    const auto chunk =
        std::span(clients).subspan(begin).first(std::min(kWaitsAtOnce, clients.size() - begin));
    CommandBuffer calls;
    for (const std::string& each : chunk) calls.command({"CLIENT", "UNBLOCK", each});
    redis.send(calls);
    bool refused = false;
    for (const std::string& each : chunk) {
      const Reply reply = redis.receive();
      const auto answer = answer_of(reply);
      refused = refused || !answer;
      if (answer && answer->integer() == 0) left.push_back(each);
    }
    if (refused) return false;
  }
  clients = std::move(left);
  return true;
}

}  // namespace

std::optional<std::string> waits_of(Connection& redis) {
  const auto [id] = redis.ask({{"CLIENT", "ID"}});
  const auto number = answer_of(id);
  if (!number) return std::nullopt;
  const std::string client = std::to_string(number->integer());
  // Itself, which does not wait: a missing right is known now.
  const auto [unblock] = redis.ask({{"CLIENT", "UNBLOCK", client}});
  const std::string run = run_of(redis);
  if (!answer_of(unblock) || run.empty()) return std::nullopt;
  return run + ":" + client;
}

std::size_t end_waits(Connection& redis, const std::vector<std::string>& waits) {
  if (waits.empty()) return 0;
  const std::string run = run_of(redis) + ":";
  std::vector<std::string> clients;
  for (const std::string& each : waits) {
    if (run.size() > 1 && each.starts_with(run)) clients.push_back(each.substr(run.size()));
  }
  const std::size_t all = clients.size();
  for (int tries = 0; tries < kTries && !clients.empty(); ++tries) {
    if (tries > 0) wait_for(kTryAgain * (1 << tries), {});
    if (!try_to_end(redis, clients)) break;
  }
  return all - clients.size();
}

std::vector<std::string> waits_of_others(Value workers, std::string_view but_of) {
  std::vector<std::string> waits;
  for (std::size_t i = 0; i + 1 < workers.size(); i += 2) {
    if (workers[i].text() == but_of) continue;
    std::string each = waits_in(workers[i + 1].text());
    if (!each.empty()) waits.push_back(std::move(each));
  }
  return waits;
}

void end_all_waits(Connection& redis, const Keys& keys) {
  const auto [workers] = redis.ask({{"HGETALL", keys[Key::workers]}});
  if (const auto all = answer_of(workers)) end_waits(redis, waits_of_others(*all, ""));
}

// Without a reclaimer, or with one that does not wait where it says, whoever wakes becomes it.
void wake_reclaimer(Connection& redis, const Keys& keys) {
  const auto [session] = redis.ask({{"GET", keys[Key::reclaimer]}});
  const auto holder = answer_of(session);
  if (!holder) return;
  if (holder->is_nil()) return end_all_waits(redis, keys);
  const auto [entry] = redis.ask({{"HGET", keys[Key::workers], std::string(holder->text())}});
  const auto worker = answer_of(entry);
  if (!worker) return;
  const std::string waits = worker->is_nil() ? "" : waits_in(worker->text());
  if (!worker->is_nil() && waits.empty()) return;  // it is awake
  if (end_waits(redis, {waits}) == 0) end_all_waits(redis, keys);
}

}  // namespace wq::internal
