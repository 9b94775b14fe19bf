#include "bench/bare_drain.h"

#include <deque>
#include <exception>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <wq/lease.h>

#include "bench/bare_connection.h"

namespace wq::bench {
namespace {

constexpr std::string_view kBatch = "100";
constexpr std::size_t kInFlight = 2;
constexpr std::string_view kLeaseSeconds = "60";
constexpr std::string_view kSession = "0123456789abcdef";
constexpr std::string_view kPop =
    "local items = redis.call('RPOP', KEYS[1], ARGV[1]) "
    "if not items then return {} end "
    "redis.call('LPUSH', KEYS[2], unpack(items)) "
    "return items";

const std::string& processing() {
  static const std::string kName = fmt::format("{}:processing", kQueue);
  return kName;
}

struct Item {
  explicit Item(std::string_view text)
      : item(text),
        lease_key(fmt::format("{}:leased_by_session:{}", kQueue, wq::text(hash_item(text)))) {}

  std::string item;
  std::string lease_key;
};

using Items = std::vector<Item>;

/// What Redis said was removed; both must be all items in the end.
struct Removed {
  std::uint64_t from_processing = 0;
  std::uint64_t leases = 0;
};

void check_removed(Bench& bench, const Removed& removed, std::uint64_t n) {
  check_equal(removed.from_processing, n, "items that the bare loop settled");
  check_equal(removed.leases, n, "leases that the bare loop removed");
  check_equal(static_cast<std::uint64_t>(bench.client().integer({"EXISTS", kQueue, processing()})),
              0, "lists that the bare loop left");
}

/// One worker with batches.
class BatchLoop {
 public:
  BatchLoop(const std::string& socket_path, Begin begin)
      : redis_(socket_path), script_(redis_.load(kPop)), begin_(begin) {}

  Removed run() {
    for (std::size_t i = 0; i < kInFlight; ++i) post();
    while (!requests_.empty()) {
      take();
      if (!dry_ || !popped_.empty() || !leased_.empty()) post();
    }
    return removed_;
  }

 private:
  struct Request {
    std::size_t settled;
    Items leased;  // kept until the lease is confirmed
    bool pops;
  };

  void post() {
    Items leasing = std::exchange(popped_, {});
    std::size_t settled = 0;
    if (begin_ == Begin::when_leased) {
      settled = append_settlement(std::exchange(leased_, {}));
      append_leases(leasing);
    } else {
      append_leases(leasing);
      settled = append_settlement(leasing);
    }
    if (!dry_) redis_.append({"EVALSHA", script_, "2", kQueue, processing(), kBatch});
    redis_.send();
    requests_.push_back({settled, std::move(leasing), !dry_});
  }

  void append_leases(const Items& items) {
    for (const Item& each : items) {
      redis_.append({"SETEX", each.lease_key, kLeaseSeconds, kSession});
    }
  }

  std::size_t append_settlement(const Items& items) {
    if (items.empty()) return 0;
    words_.assign({"DEL"});
    for (const Item& each : items) {
      redis_.append({"LREM", processing(), "-1", each.item});
      words_.push_back(each.lease_key);
    }
    redis_.append(words_);
    return items.size();
  }

  void take() {
    Request request = std::move(requests_.front());
    requests_.pop_front();
    if (begin_ == Begin::at_once) redis_.discard(request.leased.size());
    if (request.settled > 0) {
      removed_.from_processing += redis_.receive_integers(request.settled);
      removed_.leases += redis_.receive_integers(1);
    }
    if (begin_ == Begin::when_leased) {
      redis_.discard(request.leased.size());
      leased_ = std::move(request.leased);
    }
    if (request.pops) read_pop();
  }

  void read_pop() {
    const BareConnection::Reply reply = redis_.receive();
    dry_ = dry_ || reply->elements == 0;
    for (std::size_t i = 0; i < reply->elements; ++i) {
      popped_.emplace_back(text_of(*reply->element[i]));
    }
  }

  BareConnection redis_;
  const std::string script_;
  const Begin begin_;
  std::deque<Request> requests_;
  Items popped_;  // not leased yet
  Items leased_;  // confirmed: the work is done, there being none
  bool dry_ = false;
  std::vector<std::string_view> words_;
  Removed removed_;
};

}  // namespace

double bare_drain(Bench& bench, std::uint64_t n, unsigned workers, Begin begin) {
  std::vector<Removed> removed(workers);
  std::vector<std::exception_ptr> errors(workers);
  const StopWatch watch;
  {
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < workers; ++i) {
      threads.emplace_back([&, i] {
        try {
          removed[i] = BatchLoop(bench.socket_path(), begin).run();
        } catch (...) {
          errors[i] = std::current_exception();
        }
      });
    }
  }
  const double seconds = watch.seconds();
  Removed sum;
  for (unsigned i = 0; i < workers; ++i) {
    if (errors[i]) std::rethrow_exception(errors[i]);
    sum.from_processing += removed[i].from_processing;
    sum.leases += removed[i].leases;
  }
  check_removed(bench, sum, n);
  return static_cast<double>(n) / seconds;
}

double bare_one_by_one(Bench& bench, std::uint64_t n, Begin begin) {
  const StopWatch watch;
  BareConnection redis(bench.socket_path());
  Removed removed;
  redis.append({"RPOPLPUSH", kQueue, processing()});
  redis.send();
  BareConnection::Reply popped = redis.receive();
  while (popped->type != REDIS_REPLY_NIL) {
    const Item item(text_of(*popped));
    redis.append({"SETEX", item.lease_key, kLeaseSeconds, kSession});
    if (begin == Begin::when_leased) {
      redis.send();
      redis.discard(1);
    }
    redis.append({"LREM", processing(), "-1", item.item});
    redis.append({"DEL", item.lease_key});
    redis.append({"RPOPLPUSH", kQueue, processing()});
    redis.send();
    if (begin == Begin::at_once) redis.discard(1);
    removed.from_processing += redis.receive_integers(1);
    removed.leases += redis.receive_integers(1);
    popped = redis.receive();
  }
  const double seconds = watch.seconds();
  check_removed(bench, removed, n);
  return static_cast<double>(n) / seconds;
}

}  // namespace wq::bench
