#include <algorithm>
#include <atomic>
#include <deque>
#include <exception>
#include <mutex>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include <wq/clock.h>
#include <wq/error.h>
#include <wq/producer.h>

#include "base/host_name.h"
#include "base/keys.h"
#include "base/printable.h"
#include "base/random.h"
#include "base/say.h"
#include "base/start_thread.h"
#include "base/wait.h"
#include "queue/durability.h"
#include "queue/limits.h"
#include "queue/operations.h"
#include "queue/push_batch.h"
#include "queue/registry.h"
#include "queue/server_check.h"
#include "queue/torn_aof.h"
#include "queue/waiting.h"
#include "redis/reconnecting_connection.h"
#include "script/script.h"

namespace wq {
namespace internal {
namespace {

// Measured: larger batches gain nothing, and a command blocks other clients for less time. A
// transaction has to fit into the smallest client-query-buffer-limit that there is, 1 MiB.
constexpr std::size_t kBatchItems = 1'000;
constexpr std::size_t kBatchBytes = std::size_t{768} << 10U;
// So that Redis never waits for the producer.
constexpr std::size_t kInFlight = 2;

// What is remembered of confirmed pushes: longer than a failover or a restart takes.
constexpr std::chrono::seconds kRemembered{60};
constexpr std::size_t kRememberedItems = 100'000;
constexpr std::size_t kRememberedBytes = std::size_t{16} << 20U;
// Redis forgets a session that was silent for a day.
constexpr std::chrono::hours kSurelyKnown{12};

}  // namespace

/// The state of a `Producer`. A push has a number in a replay session, under which Redis keeps the
/// reply until the producer confirms it: a repeated push is not executed again.
class PushSession {
 public:
  PushSession(std::string queue, RedisOptions redis, ProducerOptions options, std::stop_token stop)
      : keys_(std::move(queue)),
        options_(options),
        stopped_(std::move(stop), Abandon{abandon_}),
        durability_(options.durable_replicas),
        mender_(redis.log, abandon_.get_token()),
        link_(std::move(redis), abandon_.get_token(),
              [this](Connection& connection) { check(connection); }) {
    if (options_.hold < std::chrono::seconds{1} || options_.hold > kLongestHold) {
      throw std::invalid_argument("the hold of a producer lasts from 1 s to 1 h");
    }
    open(options_.unless_drained);
    toucher_ =
        start_thread<std::jthread>("the thread that holds the queue open",
                                   [this](const std::stop_token& token) { stay_alive(token); });
  }

  ~PushSession() {
    abandon_.request_stop();
    toucher_.request_stop();
    toucher_.join();
    try {
      // Without waiting for Redis to come back: then the hold runs out by itself.
      while (!batches_.empty() && link_.connected()) read_answer();
      if (!finished_ && link_.connected()) {
        close(session_);
        tell_if_drained();
      }
    } catch (...) {  // it runs out by itself then, too
    }
  }

  PushSession(const PushSession&) = delete;
  PushSession& operator=(const PushSession&) = delete;

  void push(std::string_view item) {
    const std::lock_guard lock(mutex_);
    push_one({.item = item});
  }

  void push(std::span<const PushItem> items) {
    const std::lock_guard lock(mutex_);
    for (const PushItem& item : items) push_one(item);
  }

  void flush() {
    const std::lock_guard lock(mutex_);
    guarded([this] { send_next(); });
  }

  PushReport confirm() {
    const std::lock_guard lock(mutex_);
    guarded([this] {
      take_all();
      make_durable();
    });
    return report();
  }

  PushReport finish() {
    {
      const std::lock_guard lock(mutex_);
      guarded([this] {
        do {
          take_all();
          make_durable();
        } while (!close_after_all());
        tell_if_drained();
      });
      finished_ = true;
    }
    toucher_.request_stop();
    return report();
  }

  [[nodiscard]] PushReport report() const {
    return {.pushed = pushed_,
            .skipped = skipped_,
            .unknown = unknown_,
            .recovered = recovered_,
            .lost = lost_};
  }

 private:
  struct Batch {
    PushBatch items;
    std::size_t longest_item = 0;
    std::uint64_t number = 0;
    std::uint64_t after = 0;  // the number of the one before it
    std::uint64_t added = 0;  // of one that was confirmed
    bool again = false;       // it was confirmed, and Redis lost it
    bool counted = false;     // in `executed_`, before its answer
    bool sent = false;
    bool resent = false;
    TimePoint sent_at;
  };

  // Not all of it is guarded: after an item that cannot be pushed the others go on.
  void push_one(PushItem item) {
    const std::size_t bytes = item.item.size();
    if (item.delay.count() != 0) {
      check_delay(item);
      pushed_delayed_ = true;
    }
    if (bytes > kAlwaysTaken) guarded([this] { learn_longest_item(); });
    if (const auto why = too_long(bytes, longest_item_)) {
      throw std::invalid_argument(fmt::format("the item {} {}", printable(item.item), *why));
    }
    if (options_.once && !item.once_key) item.once_key = item.item;
    guarded([&] {
      if (next_.items.bytes() + bytes > kBatchBytes) send_next();
      next_.items.add(item);
      next_.longest_item = std::max(next_.longest_item, bytes);
      if (next_.items.size() == kBatchItems || next_.items.bytes() >= kBatchBytes) send_next();
    });
  }

  void check(Connection& connection) {
    const ServerReport server = check_server(connection, keys_);
    durability_.check(connection);
    std::size_t longest = next_.longest_item;
    for (const Batch& batch : batches_) longest = std::max(longest, batch.longest_item);
    check_still_taken(connection, longest);
    transactions_ = options_.once || allows_transactions(connection);
    if (!transactions_ && !std::exchange(told_, true)) {
      say(link_.options().log, LogLevel::info,
          "this server takes no script in a transaction: each push is a call, which costs it more");
    }
    if (server.evicts() && !options_.allow_eviction) {
      throw RefusedError(fmt::format(
          "ERR the server's maxmemory-policy is {}, so it may delete items when memory runs short; "
          "set it to noeviction, or allow eviction if losing items is acceptable",
          server.maxmemory_policy));
    }
    // Shorter than the hold, which would expire otherwise.
    mender_.mend(connection, std::min(AofMender::kLongestWait, options_.hold / 3));
  }

  // The heartbeat is a write behind all pushes, on the connection that waits.
  void make_durable() {
    if (!durability_.wanted()) return;
    while (true) {
      const std::string answer = link_.run([this](Connection& redis) {
        std::string said = touch(redis);
        if (said == "ok") durability_.await(redis, link_);
        return said;
      });
      if (answer == "ok") return;
      read_refusal(answer);
      take_all();
    }
  }

  // On the same connection, which must have nothing under way then.
  void learn_longest_item() {
    if (limit_of_ == link_.generation()) return;
    while (!batches_.empty()) take();
    longest_item_ = link_.run(&ask_for_longest_word);
    limit_of_ = link_.generation();
  }

  // After an exception the outstanding replies are unknown, so the session is over.
  template <typename Step>
  void guarded(Step step) {
    if (failure_) std::rethrow_exception(failure_);
    if (finished_) throw std::logic_error("the producer has finished");
    try {
      step();
    } catch (...) {
      failure_ = std::current_exception();
      link_.drop();
      throw;
    }
  }

  void open(bool unless_drained) {
    session_ = random_id();
    next_number_ = 1;
    answered_ = 0;
    executed_ = 0;
    while (!remembered_.empty()) forget_oldest();
    open_session(unless_drained);
  }

  void open_session(bool unless_drained) {
    const std::string who =
        fmt::format("{} on {}, pid {}", link_.options().client_name, host_name(), getpid());
    const Reply reply = link_.run([&](Connection& redis) {
      // Before, so that in whatever Redis restores a queue that exists is registered.
      registration_.renew(redis, keys_, link_.options().log);
      alive_at_ = BootClock::now();
      return run_script(redis, scripts::open, keys_, {keys_.replay(session_)}, session_,
                        options_.hold.count(), unless_drained, who);
    });
    if (reply.value().text() == "drained") {
      throw DrainedError(
          fmt::format("queue '{}' is drained: its workers may be exiting", keys_.queue()));
    }
    const std::uint64_t pushed = count_pushed();
    pushed_before_ = pushed - std::min(pushed, executed_);
  }

  // By all producers of the queue, and not lost: it falls only if Redis goes back.
  std::uint64_t count_pushed() {
    return link_.run([this](Connection& redis) {
      const Reply reply = redis.call({"HMGET", keys_[Key::stats], "pushed", "lost"});
      const auto count = [&](std::size_t i) {
        const Value value = reply.value()[i];
        return value.is_nil() ? std::uint64_t{0} : value.count();
      };
      return count(0) - count(1);
    });
  }

  // One try.
  void close(const std::string& session) {
    run_script(link_.connection(), scripts::close, keys_, {keys_.replay(session)}, session, "");
  }

  void close_for_sure(const std::string& session) {
    link_.run([&](Connection&) {
      close(session);
      return true;
    });
  }

  // False if Redis went back, so that there may be more to push. A close of which the answer was
  // lost may have ended the session: then only the counter of the queue tells.
  bool close_after_all() {
    const std::string answer = link_.run([this](Connection& redis) { return touch(redis); });
    if (answer != "ok") {
      read_refusal(answer);
      return false;
    }
    while (true) {
      try {
        close(session_);
        return true;
      } catch (const ConnectionError&) {
        link_.drop();
      } catch (const ReplyError& error) {
        if (!error.transient()) throw;
        link_.drop();
      }
      // On the connection of the next close, so that Redis has not gone back in between.
      if (count_pushed() < pushed_before_ + executed_) {
        recover();
        return false;
      }
    }
  }

  // The workers that rest have nobody else to tell them. Best effort: they look some day.
  void tell_if_drained() {
    try {
      Connection& redis = link_.connection();
      const auto [ready, processing, delayed, producers] =
          redis.ask({{"LLEN", keys_[Key::ready]},
                     {"LLEN", keys_[Key::processing]},
                     {"ZCARD", keys_[Key::delayed]},
                     {"ZCARD", keys_[Key::producers]}});
      for (const Reply* each : {&ready, &processing, &delayed, &producers}) {
        if (each->checked().value().integer() > 0) return;
      }
      end_all_waits(redis, keys_);
    } catch (const Error&) {
      link_.drop();
    }
  }

  // Of a reclaimer that rests, which does not know that something is going to be due.
  void tell_if_delayed() {
    if (!std::exchange(pushed_delayed_, false)) return;
    link_.run([this](Connection& redis) {
      wake_reclaimer(redis, keys_);
      return true;
    });
  }

  // Hands the next batch to Redis; waits only while enough are under way.
  void send_next() {
    if (next_.items.size() == 0) return;
    while (batches_.size() >= kInFlight) take();
    if (registration_.is_due(BootClock::now())) register_again();
    next_.number = next_number_++;
    next_.after = next_.number - 1;
    batches_.push_back(std::exchange(next_, {}));
    attempt([this] { write(batches_.back()); });
  }

  // This push may begin the queue, and a reader may have forgotten a name of minutes ago.
  void register_again() {
    while (!batches_.empty()) take();
    link_.run([this](Connection& redis) {
      registration_.renew(redis, keys_, link_.options().log);
      return true;
    });
  }

  void take_all() {
    send_next();
    while (!batches_.empty()) take();
    count_lost();
    tell_if_delayed();
  }

  // Behind what is pushed again, which is taken from what others have counted as lost.
  void count_lost() {
    if (counted_lost_ == lost_) return;
    link_.run([this](Connection& redis) {
      return run_script(redis, scripts::lost, keys_, {}, "", 0, lost_.load());
    });
    counted_lost_ = lost_;
  }

  void take() {
    const std::size_t before = batches_.size();
    while (batches_.size() == before) attempt([this] { read_answer(); });
    link_.recovered();
  }

  template <typename Step>
  void attempt(Step step) {
    link_.run_step(
        step, [] {}, [this] { send_again(); });
  }

  void send_again() {
    // A refused push (out of memory) is not a heartbeat, and the refusals may last.
    if (is_touch_due()) static_cast<void>(touch(link_.connection()));
    for (Batch& batch : batches_) write(batch);
  }

  void write(Batch& batch) {
    Connection& redis = link_.connection();
    if (loaded_ != link_.generation()) {
      load_scripts(redis, {&scripts::push});
      loaded_ = link_.generation();
    }
    out_.clear();
    batch.items.append_to(out_, keys_,
                          {.session = session_,
                           .number = batch.number,
                           .after = batch.after,
                           .answered = heard_on_ == link_.generation() ? answered_ : 0,
                           .hold = options_.hold,
                           .queue_id = queue_id_,
                           .again = batch.again,
                           .transactions = transactions_});
    batch.resent = std::exchange(batch.sent, true);
    batch.sent_at = BootClock::now();
    redis.send(out_);
  }

  // Reads the answer to the oldest batch and forgets the batch.
  void read_answer() {
    Batch& batch = batches_.front();
    const PushAnswer answer = batch.items.receive_from(link_.connection(), transactions_);
    if (!answer.added) {
      read_refusal(answer.refusal);
      return;
    }
    if (batch.again) {  // if it adds less now, others have pushed its once-keys meanwhile
      recovered_ += *answer.added;
      pushed_ -= batch.added - std::min(batch.added, *answer.added);
    } else {
      pushed_ += *answer.added;
      skipped_ += batch.items.size() - *answer.added;
    }
    if (!batch.counted) executed_ += *answer.added;
    answered_ = batch.number;
    heard_on_ = link_.generation();
    alive_at_ = batch.sent_at;
    batch.added = *answer.added;
    remember(std::move(batch));
    batches_.pop_front();
  }

  void remember(Batch batch) {
    remembered_items_ += batch.items.size();
    remembered_bytes_ += batch.items.bytes();
    remembered_.push_back(std::move(batch));
    while (!remembered_.empty() &&
           (remembered_items_ > kRememberedItems || remembered_bytes_ > kRememberedBytes ||
            remembered_.front().sent_at + kRemembered < alive_at_)) {
      forget_oldest();
    }
  }

  void forget_oldest() {
    count_forgotten(remembered_.front());
    remembered_.pop_front();
  }

  void count_forgotten(const Batch& batch) {
    remembered_items_ -= batch.items.size();
    remembered_bytes_ -= batch.items.bytes();
  }

  void read_refusal(std::string_view why) {
    if (why == "holdlost") {
      throw DrainedError(fmt::format(
          "the hold on queue '{}' expired and the queue was drained: its workers may have exited",
          keys_.queue()));
    }
    if (why == "purged") {
      throw ProtocolError(fmt::format("queue '{}' was purged during the push", keys_.queue()));
    }
    if (why != "nosession" && why != "behind") {
      throw ProtocolError(fmt::format("a push was answered with '{}'", why));
    }
    recover();
  }

  // Redis may lack what it had confirmed. What it has is the beginning of all that was written: of
  // our pushes those up to a number.
  void recover() {
    link_.drop();  // with the answers that are still to come
    const Reply reply = link_.run([this](Connection& redis) {
      return run_script(redis, scripts::replayed, keys_, {keys_.replay(session_)}, session_);
    });
    const Value known = reply.value();
    if (known.is_array() && known.size() == 0) return begin_anew();
    const bool gone = !known.is_array();
    const bool may_be_forgotten =
        options_.allow_eviction || BootClock::now() - alive_at_ > kSurelyKnown;
    if (gone && may_be_forgotten) return begin_anew();
    push_again(gone ? 0 : known[0].count(), gone ? 0 : known[1].count());
  }

  // The pushes of the session behind `last`; those up to it have added so many items.
  void push_again(std::uint64_t last, std::uint64_t added) {
    const std::uint64_t missing = executed_ - std::min(executed_, added);
    std::uint64_t again = 0;
    std::deque<Batch> batches;
    while (!remembered_.empty() && remembered_.back().number > last) {
      Batch batch = std::move(remembered_.back());
      remembered_.pop_back();
      count_forgotten(batch);
      again += batch.added;
      batch.again = true;
      batch.sent = false;
      batches.push_front(std::move(batch));
    }
    for (Batch& batch : batches_) batches.push_back(std::move(batch));
    batches_ = std::move(batches);
    for (Batch& batch : batches_) batch.counted = batch.number <= last;
    const auto first = std::find_if(batches_.begin(), batches_.end(),
                                    [last](const Batch& each) { return each.number > last; });
    if (first != batches_.end()) first->after = last;
    if (batches_.empty()) next_number_ = last + 1;
    executed_ = added;
    answered_ = std::min(answered_, last);
    const std::uint64_t lost = missing - std::min(missing, again);
    pushed_ -= lost;
    lost_ += lost;
    open_session(false);  // the hold may have ended, or is gone too
    if (missing > 0) {
      say(link_.options().log, LogLevel::warning,
          fmt::format("Redis went back to an earlier state: {} items that it had confirmed are not "
                      "in queue {}; {} of them are pushed again, {} are lost",
                      missing, printable(keys_.queue()), again, lost));
    }
    for (Batch& batch : batches_) write(batch);
  }

  // Redis has evicted the session and does not execute its commands. Whether the pushes that were
  // sent before are in the queue is unknown. The rest is sent again in a new session, and so is a
  // push of items that all have once-keys: an item and its key are written in one step.
  void begin_anew() {
    std::deque<Batch> again;
    for (Batch& batch : batches_) {
      if (batch.resent && !batch.items.all_once()) {
        unknown_ += batch.items.size();
      } else {
        batch.sent = false;
        batch.counted = false;
        again.push_back(std::move(batch));
      }
    }
    batches_.clear();
    link_.drop();  // with the answers that are still to come
    const std::string forgotten = session_;
    open(false);
    close_for_sure(forgotten);  // a heartbeat may have renewed the hold
    for (Batch& batch : again) {
      batch.number = next_number_++;
      batch.after = batch.number - 1;
      batches_.push_back(std::move(batch));
    }
    for (Batch& batch : batches_) write(batch);
  }

  // The body of the thread that holds the queue open while nothing is pushed.
  void stay_alive(const std::stop_token& token) {
    while (true) {
      wait_for(options_.hold / 3, token);
      const std::lock_guard lock(mutex_);
      if (token.stop_requested() || finished_ || failure_) return;
      if (!is_touch_due()) continue;
      try {
        guarded([this] {
          while (!batches_.empty()) take();
          tell_if_delayed();
          const std::string answer = link_.run([this](Connection& redis) { return touch(redis); });
          if (answer != "ok") read_refusal(answer);
          while (!batches_.empty()) take();
          count_lost();
        });
      } catch (...) {
        return;  // the next call throws
      }
    }
  }

  [[nodiscard]] bool is_touch_due() const {
    return BootClock::now() - alive_at_ >= options_.hold / 6;
  }

  // One try; the script's answer.
  std::string touch(Connection& redis) {
    const TimePoint now = BootClock::now();
    if (registration_.is_due(now)) registration_.renew(redis, keys_, link_.options().log);
    const Reply reply = run_script(redis, scripts::touch, keys_, {keys_.replay(session_)}, session_,
                                   options_.hold.count(), answered_);
    std::string answer{reply.value().text()};
    if (answer == "ok") alive_at_ = now;
    return answer;
  }

  struct Abandon {
    std::stop_source source;
    void operator()() const { source.request_stop(); }
  };

  const Keys keys_;
  const ProducerOptions options_;
  std::stop_source abandon_;  // ends every wait for Redis
  std::stop_callback<Abandon> stopped_;
  const std::string queue_id_ = random_id();  // for a queue that has none

  std::mutex mutex_;  // guards all that follows but the counters
  Durability durability_;
  AofMender mender_;
  ReconnectingConnection link_;
  Registration registration_;
  bool transactions_ = true;  // on the connection that there is
  bool told_ = false;         // that there are none
  std::string session_;
  std::uint64_t loaded_ = 0;  // the generation of the link that knows the script
  std::size_t longest_item_ = kLongestWord;
  std::uint64_t limit_of_ = 0;  // the generation of the link that was asked for it
  Batch next_;
  std::uint64_t next_number_ = 1;
  std::uint64_t answered_ = 0;
  // The generation of the link that has answered a push. Only then does the server know the pushes
  // up to `answered_`: one that went back would forget answers that are still to come.
  std::uint64_t heard_on_ = 0;
  std::uint64_t executed_ = 0;       // items that the answered pushes of the session have added
  std::uint64_t pushed_before_ = 0;  // by all producers, when the session began
  std::deque<Batch> batches_;        // sent, not answered
  std::deque<Batch> remembered_;     // answered
  std::uint64_t counted_lost_ = 0;   // of `lost_`, in Redis
  std::size_t remembered_items_ = 0;
  std::size_t remembered_bytes_ = 0;
  TimePoint alive_at_;  // of the last heartbeat that Redis accepted
  CommandBuffer out_;
  bool pushed_delayed_ = false;  // since the reclaimer was woken
  bool finished_ = false;
  std::exception_ptr failure_;

  std::atomic<std::uint64_t> pushed_{0};
  std::atomic<std::uint64_t> skipped_{0};
  std::atomic<std::uint64_t> unknown_{0};
  std::atomic<std::uint64_t> recovered_{0};
  std::atomic<std::uint64_t> lost_{0};

  std::jthread toucher_;
};

}  // namespace internal

Producer::Producer(std::string queue, RedisOptions redis, ProducerOptions options,
                   std::stop_token stop)
    : session_(std::make_unique<internal::PushSession>(std::move(queue), std::move(redis), options,
                                                       std::move(stop))) {}
Producer::~Producer() = default;

void Producer::push(std::string_view item) { session_->push(item); }
void Producer::push(std::span<const PushItem> items) { session_->push(items); }
void Producer::flush() { session_->flush(); }
PushReport Producer::confirm() { return session_->confirm(); }
PushReport Producer::finish() { return session_->finish(); }
PushReport Producer::report() const { return session_->report(); }

}  // namespace wq
