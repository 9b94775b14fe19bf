#include <algorithm>
#include <charconv>
#include <cstdint>
#include <iterator>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include <wq/queue.h>

#include "base/keys.h"
#include "base/random.h"
#include "base/totals.h"
#include "queue/check_policy.h"
#include "queue/lease_stream.h"
#include "queue/limits.h"
#include "queue/operations.h"
#include "queue/server_check.h"
#include "queue/stages.h"
#include "redis/reconnecting_connection.h"
#include "script/script.h"

namespace wq {
namespace internal {

/// The state of a `Queue`.
class QueueClient {
 public:
  QueueClient(std::string name, RedisOptions options, std::stop_token stop)
      : keys(std::move(name)),
        link(std::move(options), std::move(stop),
             [this](Connection& redis) { server = check_server(redis, keys); }),
        stream(link, keys, id) {}

  const Keys keys;
  const std::string id = random_id();
  ServerReport server;
  ReconnectingConnection link;
  LeaseStream stream;
  std::uint64_t checkpoints = 0;  // of all leases
};

namespace {

void check_batch(std::size_t n) {
  if (n == 0 || n > Queue::kMaxBatch) {
    throw std::invalid_argument(
        fmt::format("a batch has 1 to {} items, not {}", Queue::kMaxBatch, n));
  }
}

// Redis would close the connection instead of answering.
void check_sizes(std::span<const Settlement> settlements, ReconnectingConnection& link) {
  std::size_t word = 0;
  for (const Settlement& each : settlements) word = std::max(word, longest_word(each));
  const std::size_t longest = word <= kAlwaysTaken ? kLongestWord : link.run(&ask_for_longest_word);
  for (std::size_t i = 0; i < settlements.size(); ++i) {
    const Settlement& each = settlements[i];
    if (const auto why = too_long(each.lease.item.size(), longest)) {
      throw std::invalid_argument(fmt::format("the item of settlement {} {}", i, *why));
    }
    if (const auto why = too_large(each.outcome, longest)) {
      throw std::invalid_argument(fmt::format("settlement {}: {}", i, *why));
    }
  }
}

void check_ttl(std::chrono::milliseconds ttl) {
  if (ttl <= std::chrono::milliseconds::zero() || ttl > kLongestLease) {
    throw std::invalid_argument(
        fmt::format("a lease lasts from 1 ms to 24 h, not {} ms", ttl.count()));
  }
}

Result read_result(Value entry) {
  Result result;
  result.id = entry[0].text();
  const Value fields = entry[1];
  for (std::size_t i = 0; i + 1 < fields.size(); i += 2) {
    const std::string_view name = fields[i].text();
    if (name == "item") result.item = fields[i + 1].text();
    if (name == kResultField || name == kJsonField) {
      result.result = fields[i + 1].text();
      result.is_json = name == kJsonField;
    }
  }
  return result;
}

/// The least id that is greater than `last`.
std::string next_id(std::string_view last) {
  std::uint64_t ms = 0;
  std::uint64_t number = 0;
  const char* const end = last.data() + last.size();
  const auto first = std::from_chars(last.data(), end, ms);
  if (first.ec == std::errc{} && first.ptr != end && *first.ptr == '-') {
    const auto second = std::from_chars(first.ptr + 1, end, number);
    if (second.ec == std::errc{} && second.ptr == end) {
      return ++number > 0 ? fmt::format("{}-{}", ms, number) : fmt::format("{}-0", ms + 1);
    }
  }
  throw std::invalid_argument(fmt::format("'{}' is not the id of a result", last));
}

}  // namespace
}  // namespace internal

using internal::CommandBuffer;
using internal::Connection;
using internal::Key;
using internal::LeaseStream;

Queue::Queue(std::string name, RedisOptions options, std::stop_token stop)
    : session_(std::make_unique<internal::QueueClient>(std::move(name), std::move(options),
                                                       std::move(stop))) {}
Queue::~Queue() = default;
Queue::Queue(Queue&&) noexcept = default;
Queue& Queue::operator=(Queue&&) noexcept = default;

const std::string& Queue::name() const noexcept { return session_->keys.queue(); }
const std::string& Queue::session() const noexcept { return session_->id; }

ServerReport Queue::server() {
  return session_->link.run([this](Connection&) { return session_->server; });
}

QueueState Queue::state() {
  return internal::look_with_stages(session_->link, session_->keys).state;
}

Counts Queue::counts() {
  return session_->link.run([this](Connection& redis) {
    return internal::read_counts(
        internal::run_script(redis, internal::scripts::counts, session_->keys, {}).value());
  });
}

std::optional<std::chrono::milliseconds> Queue::last_due() {
  const std::int64_t ms = session_->link.run([this](Connection& redis) {
    return internal::run_script(redis, internal::scripts::last_due, session_->keys, {})
        .value()
        .integer();
  });
  return ms < 0 ? std::nullopt : std::optional(std::chrono::milliseconds{ms});
}

std::vector<Lease> Queue::lease(std::size_t n, std::chrono::milliseconds ttl) {
  internal::check_batch(n);
  internal::check_ttl(ttl);
  LeaseStream& stream = session_->stream;
  stream.set_terms(ttl, {});
  stream.post({}, stream.bearable(n));
  if (!stream.take().popped) return {};
  std::vector<Lease> leased;
  while (stream.has_unasked()) {  // a second time, the longer way, where Redis is full
    stream.post({}, 0);
    std::vector<Lease> more = stream.take().leased;
    std::move(more.begin(), more.end(), std::back_inserter(leased));
  }
  return leased;
}

std::vector<Settled> Queue::settle(std::vector<Settlement> settlements, const RetryPolicy& policy) {
  internal::check_batch(settlements.size());
  // Redis would refuse some of it only after the first write.
  internal::check_policy(policy);
  internal::check_sizes(settlements, session_->link);
  LeaseStream& stream = session_->stream;
  stream.set_terms({}, policy);
  stream.post(std::move(settlements), 0);
  return stream.take().settled;
}

std::vector<bool> Queue::renew(std::span<const Lease> leases, std::chrono::milliseconds ttl) {
  internal::check_batch(leases.size());
  internal::check_ttl(ttl);
  CommandBuffer call;
  internal::append_renew(call, session_->keys, session_->id, internal::held(leases), ttl);
  return session_->link.run([&](Connection& redis) {
    std::vector<bool> ours(leases.size(), true);
    const internal::Reply reply = internal::run_script(redis, internal::scripts::renew, call);
    for (const std::size_t i : internal::read_positions(reply.value(), leases.size()))
      ours.at(i) = false;
    return ours;
  });
}

bool Queue::checkpoint(const Lease& lease, std::string_view text, std::chrono::milliseconds ttl) {
  internal::check_ttl(ttl);
  internal::check_checkpoint(text);
  const internal::Checkpoint checkpoint{internal::held({&lease, 1}).front(),
                                        ++session_->checkpoints, std::string(text)};
  CommandBuffer call;
  internal::append_checkpoints(call, session_->keys, session_->id, {&checkpoint, 1}, ttl);
  return session_->link.run([&call](Connection& redis) {
    return internal::run_script(redis, internal::scripts::checkpoint, call).value().size() == 0;
  });
}

bool Queue::isolate(Lease& lease) {
  CommandBuffer call;
  internal::append_isolate(call, session_->keys, session_->id, lease);
  lease.alone = session_->link.run([&call](Connection& redis) {
    return internal::run_script(redis, internal::scripts::isolate, call).value().integer() == 1;
  });
  return lease.alone;
}

bool at_risk(const Lease& lease, const RetryPolicy& policy) noexcept {
  return lease.crashes > 0 && lease.crashes + 1 >= policy.max_crashes;
}

std::vector<Result> Queue::results(std::string_view after, std::size_t n) {
  const std::string start = after.empty() ? "-" : fmt::format("({}", after);
  return session_->link.run([&](Connection& redis) {
    std::vector<Result> results;
    const internal::Reply reply = redis.call(
        {"XRANGE", session_->keys[Key::results], start, "+", "COUNT", std::to_string(n)});
    for (std::size_t i = 0; i < reply.value().size(); ++i) {
      results.push_back(internal::read_result(reply.value()[i]));
    }
    return results;
  });
}

std::uint64_t Queue::count_results() {
  return session_->link.run([this](Connection& redis) {
    return redis.call({"XLEN", session_->keys[Key::results]}).value().count();
  });
}

std::uint64_t Queue::trim_results(std::string_view last) {
  const std::string first = internal::next_id(last);
  return session_->link.run([&](Connection& redis) {
    return static_cast<std::uint64_t>(
        redis.call({"XTRIM", session_->keys[Key::results], "MINID", first}).value().integer());
  });
}

Totals Queue::totals() {
  return session_->link.run([this](Connection& redis) {
    internal::TotalsReader reader;
    std::string place = "0";
    do {
      const internal::Reply reply =
          redis.call({"HSCAN", session_->keys[Key::totals], place, "COUNT", "1000"});
      const internal::Value found = reply.value()[1];
      for (std::size_t i = 0; i + 1 < found.size(); i += 2) {
        reader.add(found[i].text(), found[i + 1].text());
      }
      place = reply.value()[0].text();
    } while (place != "0");
    return Totals{
        .keys = reader.take(),
        .distinct = redis.call({"PFCOUNT", session_->keys[Key::distinct]}).value().count()};
  });
}

}  // namespace wq
