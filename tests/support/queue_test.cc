#include "support/queue_test.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <wq/error.h>

#include "queue/operations.h"

namespace wq::test {

QueueTest::QueueTest(const std::vector<std::string>& config)
    : server_(config), redis_(server_.options()) {}

void QueueTest::TearDown() {
  if (conserves_) expect_conserved();
}

void QueueTest::expect_conserved() {
  const Counts now = counts();
  EXPECT_EQ(now.pushed + foreign_pushes_, now.ready + now.processing + now.delayed + now.dead +
                                              now.completed + now.dropped + now.merged + now.lost)
      << "ready " << now.ready << ", processing " << now.processing << ", delayed " << now.delayed
      << ", dead " << now.dead << ", completed " << now.completed << ", dropped " << now.dropped
      << ", merged " << now.merged;
}

Counts QueueTest::counts_of(const std::string& queue) const {
  return Queue(queue, options()).counts();
}

void QueueTest::fill(const std::string& queue, std::size_t items) const {
  Producer producer(queue, options(), {});
  for (const std::string& item : numbered(queue + "-", items)) producer.push(item);
  producer.finish();
}

Counts QueueTest::counts() { return open_queue().counts(); }

void QueueTest::push(const std::vector<std::string>& items, ProducerOptions producer) {
  Producer out(keys_.queue(), options(), producer);
  for (const std::string& item : items) out.push(item);
  static_cast<void>(out.finish());
}

void QueueTest::push_past_us(const std::vector<std::string>& items) {
  for (const std::string& item : items) {
    redis_.call({"LPUSH", key(Key::ready), item});
    ++foreign_pushes_;
  }
}

Lease QueueTest::lease_one(Queue& queue, std::chrono::milliseconds ttl) {
  std::vector<Lease> leases = queue.lease(1, ttl);
  if (leases.size() != 1) throw std::runtime_error("nothing was leased");
  return std::move(leases.front());
}

Reply QueueTest::script(const internal::Script& script, const std::vector<std::string>& more_keys,
                        const std::vector<std::string>& arguments) {
  Reply reply = raw_script(script, more_keys, arguments);
  reply.checked();
  return reply;
}

Reply QueueTest::raw_script(const internal::Script& script,
                            const std::vector<std::string>& more_keys,
                            const std::vector<std::string>& arguments) {
  internal::CommandBuffer call;
  internal::begin_call(call, script, keys_, more_keys.size(), arguments.size());
  for (const std::string& each : more_keys) call.arg(each);
  for (const std::string& each : arguments) call.arg(each);
  internal::load_scripts(redis_.connection(), {&script});
  redis_.connection().send(call);
  return redis_.connection().receive();
}

std::vector<std::string> QueueTest::all(Key which) {
  const auto kind = internal::kKeyKinds.at(static_cast<std::size_t>(which)).type;
  return redis_.list({kind == "list" ? "LRANGE" : "ZRANGE", key(which), "0", "-1"});
}

std::string QueueTest::hash_of(std::string_view item) const {
  return std::string(text(hash_item(item)));
}

std::string QueueTest::lease_key(std::string_view item) const {
  return keys_.lease(hash_item(item));
}

std::vector<std::string> QueueTest::keys_left() {
  std::vector<std::string> found = redis_.list({"KEYS", "*"});
  std::erase(found, internal::kRegistryKey);
  std::sort(found.begin(), found.end());
  return found;
}

std::vector<std::string> QueueTest::everything() {
  std::vector<std::string> found = redis_.list({"KEYS", "*"});
  std::sort(found.begin(), found.end());
  for (std::string& name : found) {
    name += " " + redis_.text({"DUMP", name}).value_or("");
  }
  return found;
}

void QueueTest::end_lease(std::string_view item) {
  const std::string tail_ms = std::to_string(internal::kLeaseTail.count() - 1);
  if (redis_.integer({"PEXPIRE", lease_key(item), tail_ms}) != 1) {
    throw std::runtime_error("there is no lease to end");
  }
}

Settlement completed(Lease lease) { return {std::move(lease), Outcome::complete()}; }

std::vector<Settlement> all_completed(std::vector<Lease> leases) {
  std::vector<Settlement> settlements;
  for (Lease& lease : leases) settlements.push_back(completed(std::move(lease)));
  return settlements;
}

std::vector<std::string> items_of(const std::vector<Lease>& leases) {
  std::vector<std::string> items;
  for (const Lease& lease : leases) items.push_back(lease.item);
  return items;
}

std::vector<std::string> numbered(std::string_view prefix, std::size_t n) {
  std::vector<std::string> items;
  for (std::size_t i = 0; i < n; ++i) items.push_back(std::string(prefix) + std::to_string(i));
  return items;
}

}  // namespace wq::test
