#include "wq-push/key_source.h"

#include <set>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <wq/error.h>

#include "base/printable.h"
#include "cli/log.h"
#include "cli/options.h"
#include "cli/units.h"
#include "redis/cluster.h"
#include "redis/endpoint.h"

namespace wq::push {

namespace {

using internal::CommandBuffer;
using internal::Connection;
using internal::ReconnectingConnection;
using internal::Reply;
using internal::Value;

// About so many keys are read in a step; fewer with a field, whose values may be large.
constexpr std::string_view kKeysInAStep = "1000";
constexpr std::string_view kHashesInAStep = "100";

// As much of a hash as a string holds without an allocation: enough to be unique.
std::string short_hash(std::string_view key) { return internal::seen_entry(key).substr(0, 15); }

}  // namespace

KeySource::KeySource(Search search, const RedisOptions& redis, InputWait& wait)
    : search_(std::move(search)),
      own_(search_.queue),
      redis_(redis),
      wait_(wait),
      link_(std::make_unique<ReconnectingConnection>(redis_, wait.stop())) {}

bool KeySource::next(std::string& item) {
  while (page_.empty()) {
    if (done_ || wait_.stopped()) return false;
    try {
      read_page();
    } catch (const RefusedError& error) {
      throw cli::UsageError(fmt::format(
          "--from-keys: {}; the user needs the rights to {}", error.what(),
          search_.field.empty() ? "SCAN" : "SCAN and HGET, and to read the keys that match"));
    }
  }
  key_ = std::move(page_.front().key);
  item = std::move(page_.front().item);
  page_.pop_front();
  return true;
}

std::string KeySource::position() const { return fmt::format("key {}", internal::printable(key_)); }

void KeySource::find_nodes() {
  const auto nodes = link_->run(&internal::primaries_of_cluster);
  nodes_.emplace(nodes.begin(), nodes.end());
  if (!nodes_->empty()) next_node();
}

void KeySource::next_node() {
  link_ = std::make_unique<ReconnectingConnection>(internal::on_node(redis_, nodes_->front()),
                                                   wait_.stop());
  nodes_->pop_front();
  begun_on_ = 0;
}

void KeySource::read_page() {
  if (!nodes_) find_nodes();
  link_->run([this](Connection& redis) {
    read_page(redis);
    return true;
  });
  if (done_ && !nodes_->empty()) {
    done_ = false;
    next_node();
  }
  if (!done_ || no_hash_ + without_field_ == 0) return;
  cli::log(LogLevel::warning,
           fmt::format("{} left out: {} no hash, {} without the field {}",
                       cli::plural(no_hash_ + without_field_, "matching key"), no_hash_,
                       without_field_, internal::printable(search_.field)));
}

void KeySource::read_page(Connection& redis) {
  if (std::exchange(begun_on_, link_->generation()) != link_->generation()) cursor_ = "0";
  const Reply reply = redis.call({"SCAN", cursor_, "MATCH", search_.pattern, "COUNT",
                                  search_.field.empty() ? kKeysInAStep : kHashesInAStep});
  const Value answer = reply.value();
  std::vector<std::string> keys;
  std::set<std::string> hashes;  // SCAN may show a key twice in a step too
  for (std::size_t i = 0; i < answer[1].size(); ++i) {
    const std::string_view key = answer[1][i].text();
    if (own_.owns(key) || key == internal::kRegistryKey) continue;
    std::string hash = short_hash(key);
    if (!known_.contains(hash) && hashes.insert(std::move(hash)).second) keys.emplace_back(key);
  }
  std::deque<Found> page = search_.field.empty() ? named(std::move(keys)) : fields_of(redis, keys);
  // Nothing fails from here on, so an attempt that is repeated finds nothing half done.
  known_.merge(hashes);
  page_ = std::move(page);
  cursor_ = answer[0].text();
  done_ = cursor_ == "0";
}

std::deque<KeySource::Found> KeySource::named(std::vector<std::string> keys) {
  std::deque<Found> page;
  for (std::string& key : keys) page.push_back({key, key});
  return page;
}

std::deque<KeySource::Found> KeySource::fields_of(Connection& redis,
                                                  const std::vector<std::string>& keys) {
  CommandBuffer ask;
  for (const std::string& key : keys) ask.command({"HGET", key, search_.field});
  redis.send(ask);
  std::deque<Found> page;
  std::uint64_t no_hash = 0;
  for (const std::string& key : keys) {
    const Reply reply = redis.receive();
    if (reply.has_error("WRONGTYPE")) {
      ++no_hash;
    } else if (!reply.checked().value().is_nil()) {
      page.push_back({key, std::string(reply.value().text())});
    }
  }
  no_hash_ += no_hash;
  without_field_ += keys.size() - page.size() - no_hash;
  return page;
}

}  // namespace wq::push
