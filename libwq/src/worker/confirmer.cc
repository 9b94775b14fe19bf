#include "worker/confirmer.h"

#include <utility>

#include <wq/error.h>

#include "queue/operations.h"
#include "redis/command_buffer.h"

namespace wq::internal {
namespace {

RedisOptions named_confirmer(RedisOptions redis) {
  redis.client_name += "-confirmer";
  return redis;
}

// What is settled and not counted is held in memory.
constexpr std::uint64_t kMostWaiting = 100'000;
constexpr std::size_t kMostBytes = std::size_t{64} << 20U;

std::size_t held_bytes(const std::vector<Settlement>& settlements) {
  std::size_t bytes = 0;
  for (const Settlement& each : settlements) {
    bytes += each.lease.item.size() + (each.outcome.result ? each.outcome.result->size() : 0);
  }
  return bytes;
}

}  // namespace

Confirmer::Confirmer(RedisOptions redis, unsigned replicas, const std::stop_token& abandon,
                     std::function<void()> on_round)
    : durability_(replicas),
      link_(named_confirmer(std::move(redis)), abandon,
            [this](Connection& connection) { durability_.check(connection); }),
      on_round_(std::move(on_round)),
      short_(durability_.wanted()) {}

void Confirmer::add(QueueIndex queue, std::vector<Settlement> settlements, const std::string& key,
                    std::uint64_t mark) {
  waiting_ += settlements.size();
  bytes_ += held_bytes(settlements);
  known_.try_emplace(key);
  list_.push_back({queue, std::move(settlements), key, mark});
  {
    const std::lock_guard lock(mutex_);
    asked_[key] = mark;
  }
  changed_.notify_all();
}

void Confirmer::deliver(const Count& count) {
  std::map<std::string, Found> found;
  {
    const std::lock_guard lock(mutex_);
    found.swap(found_);
  }
  if (found.empty()) return;
  for (const auto& [key, of_key] : found) known_[key] = of_key;
  std::deque<Waiting> later;
  for (Waiting& each : list_) {
    const std::optional<bool> decided = has(each.key, each.mark);
    if (!decided) {
      later.push_back(std::move(each));
      continue;
    }
    for (const Settlement& one : each.settlements) {
      count(each.queue, one, *decided ? Settled::accepted : Settled::unknown);
    }
    waiting_ -= each.settlements.size();
    bytes_ -= held_bytes(each.settlements);
  }
  list_.swap(later);
}

void Confirmer::give_up(const Count& count) {
  deliver(count);
  for (const Waiting& each : list_) {
    for (const Settlement& one : each.settlements) count(each.queue, one, Settled::unknown);
  }
  list_.clear();
  bytes_ = 0;
  waiting_ = 0;
}

std::optional<bool> Confirmer::has(const std::string& key, std::uint64_t mark) const {
  const Found& found = known_.at(key);
  if (found.mark >= mark) return true;
  if (found.asked >= mark) return false;
  return std::nullopt;
}

bool Confirmer::is_short() const noexcept {
  return short_ || waiting_ >= kMostWaiting || bytes_ >= kMostBytes;
}

void Confirmer::run(const std::stop_token& stop) {
  Marks asked;  // the first round has none: whether there are enough replicas is known at once
  while (true) {
    unsigned attempts = 0;
    std::map<std::string, Found> found = link_.run([&](Connection& redis) {
      if (attempts++ > 0) short_ = true;
      return confirm(redis, asked);
    });
    short_ = false;
    {
      const std::lock_guard lock(mutex_);
      for (const auto& [key, of_key] : found) found_[key] = of_key;
    }
    on_round_();
    std::unique_lock lock(mutex_);
    if (!changed_.wait(lock, stop, [this] { return !asked_.empty(); })) return;
    asked = std::exchange(asked_, {});
  }
}

std::map<std::string, Confirmer::Found> Confirmer::confirm(Connection& redis, const Marks& asked) {
  std::map<std::string, Found> found;
  CommandBuffer commands;
  const std::string life = std::to_string(kMarkLife.count());
  for (const auto& [key, mark] : asked) {
    commands.command({"GET", key});
    commands.command({"PEXPIRE", key, life});
  }
  redis.send(commands);
  bool has_written = false;
  for (const auto& [key, mark] : asked) {
    const Reply there = redis.receive();
    const Reply expires = redis.receive();
    const Value value = there.checked().value();
    found[key] = {mark, value.is_nil() ? 0 : value.count()};
    has_written = expires.checked().value().integer() > 0 || has_written;
  }
  if (has_written) durability_.await(redis, link_);
  return found;
}

void Confirmer::remove_marks() noexcept {
  try {
    if (!link_.connected()) return;
    for (const auto& [key, found] : known_) link_.connection().call({"DEL", key});
  } catch (const Error&) {  // they expire
  }
}

}  // namespace wq::internal
