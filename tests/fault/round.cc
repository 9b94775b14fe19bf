#include "fault/round.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <exception>
#include <filesystem>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <utility>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <poll.h>

#include "base/keys.h"
#include "fault/handling.h"
#include "fault/tap.h"
#include "fault/verdict.h"
#include "fault/worker_command.h"
#include "support/aof.h"
#include "support/eventually.h"
#include "support/paths.h"
#include "support/process.h"
#include "support/redis_server.h"
#include "support/temporary_folder.h"

namespace wq::fault {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr int kSigtermExit = 143;
constexpr std::size_t kProducer = 0;
// Redis may be away for some seconds when faults come one upon another on a slow machine.
constexpr milliseconds kHold{10'000};
constexpr milliseconds kLongestRound{240'000};
constexpr std::size_t kLastWords = 1'500;
constexpr unsigned kChunks = 12;

constexpr std::pair<const char*, Fault> kMarks[] = {
    {kKillHandler, Fault::handler_kills_itself},
    {kKillWorker, Fault::handler_kills_worker},
    {kFail, Fault::handler_fails},
    {kOutlastLease, Fault::handler_outlasts_lease},
};

class Round {
 public:
  Round(const Plan& plan, const Sabotage& sabotage)
      : plan_(plan),
        sabotage_(sabotage),
        server_(config(plan)),
        injector_({plan.seed, plan.faults, plan.faults_apart, allowed_faults()}),
        random_(plan.seed) {}

  ~Round() { injector_.finish(); }
  Round(const Round&) = delete;
  Round& operator=(const Round&) = delete;

  RoundReport run() {
    try {
      start();
      const auto end = Clock::now() + kLongestRound;
      while (report_.violations.empty() && !over()) {
        step();
        if (Clock::now() > end) violation(fmt::format("not over after {}", kLongestRound));
        ::poll(nullptr, 0, 2);
      }
    } catch (const std::exception& error) {
      violation(error.what());
    }
    injector_.finish();
    finish();
    return std::move(report_);
  }

 private:
  struct Client {
    std::unique_ptr<Tap> tap;
    std::unique_ptr<test::Process> process;
    bool told_to_stop = false;
    bool left = false;  // for good
  };
  struct Timer {
    Clock::time_point at;
    std::function<void()> what;
  };

  [[nodiscard]] std::vector<std::set<Fault>> allowed_faults() const {
    const std::set<Fault> of_any{Fault::cut,
                                 Fault::half_answer,
                                 Fault::delay,
                                 Fault::suspend,
                                 Fault::redis_kill,
                                 Fault::redis_kill_writing,
                                 Fault::redis_freeze,
                                 Fault::redis_pause,
                                 Fault::flush_scripts,
                                 Fault::kill_connections,
                                 Fault::second_reclaimer,
                                 Fault::gc};
    std::vector<std::set<Fault>> allowed(1 + plan_.workers.size(), of_any);
    if (plan_.only_kills_of_redis) {
      allowed.assign(allowed.size(), {Fault::redis_kill_writing});
      return allowed;
    }
    if (plan_.gentle) {
      allowed.assign(allowed.size(), {Fault::flush_scripts, Fault::kill_connections,
                                      Fault::second_reclaimer, Fault::gc});
      return allowed;
    }
    allowed[kProducer].insert(Fault::silence);
    if (plan_.producer_dies) allowed[kProducer].insert(Fault::kill);
    if (plan_.full_redis) allowed[kProducer].clear();
    for (std::size_t i = 0; i < plan_.workers.size(); ++i) {
      allowed[1 + i].insert({Fault::kill, Fault::terminate});
      // wq-worker would wait ten seconds for an answer.
      if (plan_.workers[i] == Plan::Worker::batches) allowed[1 + i].insert(Fault::silence);
    }
    return allowed;
  }

  // ---- processes ----

  void start() {
    for (std::size_t i = 0; i < 1 + plan_.workers.size(); ++i) {
      clients_.push_back(
          {std::make_unique<Tap>(server_.socket_path(), i,
                                 [this](const Moment& moment) { return injector_.judge(moment); }),
           nullptr, false, false});
    }
    start_producer();
    if (plan_.full_redis) {
      feed_all();
      clients_[kProducer].process->wait();
      fill_redis();
    }
    for (std::size_t i = 1; i < clients_.size(); ++i) start_worker(i);
    if (plan_.python) start_python();
  }

  [[nodiscard]] std::unique_ptr<test::Process> process(std::vector<std::string> command,
                                                       const std::string& url,
                                                       bool open_input = false) {
    ++report_.processes;
    test::ProcessOptions options;
    options.environment = {{"WQ_REDIS", url}, {kMarksVariable, marks_.path().string()}};
    options.open_input = open_input;
    return std::make_unique<test::Process>(std::move(command), std::move(options));
  }

  void start_producer() {
    Client& client = clients_[kProducer];
    std::vector<std::string> command{WQ_FAULT_PRODUCER, kQueue, std::to_string(kHold.count())};
    if (plan_.producer_dies) command.emplace_back("once");
    client.process = process(std::move(command), client.tap->url(), true);
    fed_ = 0;
    unread_.clear();
    next_chunk_at_ = Clock::now();
  }

  void start_worker(std::size_t i) {
    Client& client = clients_[i];
    client.told_to_stop = false;
    client.process = process(worker_command(plan_.workers[i - 1], plan_), client.tap->url());
  }

  void start_python() {
    python_.push_back(
        process({WQ_TEST_PYTHON, WQ_FAULT_REDIS_WQ, server_.socket_path(), kQueue}, server_.url()));
    // It is killed in the middle and followed by another.
    const milliseconds life{std::uniform_int_distribution(50, 2'000)(random_)};
    after(life, [this] {
      test::Process& last = *python_.back();
      if (last.ended() || over()) return;
      last.kill();
      tally_.add({Fault::python_kill, "its work", Point::request});
      start_python();
    });
  }

  // ---- what happens meanwhile ----

  [[nodiscard]] bool over() const {
    return std::all_of(clients_.begin(), clients_.end(),
                       [](const Client& client) { return client.left; });
  }

  void step() {
    if (const auto order = injector_.next_order()) {
      carry_out(*order);
      injector_.done();
    }
    run_timers();
    if (!frozen_ && !clients_[kProducer].left) feed_some();
    for (std::size_t i = 0; i < clients_.size(); ++i) look_after(i);
    if (sabotage_ && !frozen_) sabotage_when_half_done();
  }

  void after(milliseconds time, std::function<void()> what) {
    timers_.push_back({Clock::now() + time, std::move(what)});
  }

  void run_timers() {
    const auto now = Clock::now();
    std::vector<Timer> due;
    std::erase_if(timers_, [&](Timer& timer) {
      if (timer.at > now) return false;
      due.push_back(std::move(timer));
      return true;
    });
    for (const Timer& timer : due) timer.what();
  }

  void carry_out(const Injector::Order& order) {
    note(fmt::format("{}, client {}", name_of(order.fault), order.client));
    Client& client = clients_[order.client];
    if (client.process->ended()) return;
    const milliseconds beyond_lease = plan_.lease * 3 / 2;
    switch (order.fault) {
      case Fault::kill:
        client.process->signal(SIGKILL);
        return;
      case Fault::terminate:
        client.told_to_stop = true;
        client.process->signal(SIGTERM);
        return;
      case Fault::suspend: {
        client.process->signal(SIGSTOP);
        after(beyond_lease, [process = client.process.get(), &client] {
          if (client.process.get() == process && !process->ended()) process->signal(SIGCONT);
        });
        return;
      }
      case Fault::redis_kill:
      case Fault::redis_kill_writing:
        kill_redis();
        // The second of two in a row carries out what the first has torn.
        if (percent(50)) {
          after(milliseconds{std::uniform_int_distribution(0, 400)(random_)}, [this] {
            if (!frozen_ && !over()) kill_redis();
          });
        }
        return;
      case Fault::redis_freeze:
        if (std::exchange(frozen_, true)) return;
        server_.freeze();
        after(beyond_lease, [this] {
          server_.thaw();
          frozen_ = false;
        });
        return;
      default:
        if (!frozen_) tell_redis(order.fault);
        return;
    }
  }

  [[nodiscard]] static std::vector<std::string> config(const Plan& plan) {
    std::vector<std::string> lines{"appendonly yes", "appendfsync always"};
    if (plan.torn_aof == Plan::TornAof::nothing) {
      lines.emplace_back("user default on nopass ~* &* +@all -bgrewriteaof");
    }
    return lines;
  }

  [[nodiscard]] bool percent(int chance) {
    return std::uniform_int_distribution(1, 100)(random_) <= chance;
  }

  void kill_redis() {
    server_.kill();
    look_at_aof();
    if (plan_.torn_aof == Plan::TornAof::check) {
      server_.start();
    } else {
      server_.start_unmended();
    }
    if (plan_.full_redis) fill_redis();
  }

  void look_at_aof() {
    const auto files = test::aof_files(server_.folder().path());
    if (files.empty()) return;
    if (test::ends_in_a_command(files.back())) {
      tally_.add({Fault::torn_by_kill, "the AOF", Point::executed});
    } else if (plan_.tears && !test::is_torn(files.back())) {
      tear(files);
    }
  }

  // Adds part of a transaction, as if it had been running when Redis was killed: a write that no
  // client has an answer for may be lost, and must not be executed later.
  void tear(const std::vector<std::filesystem::path>& files) {
    // The file that is written now may have begun a moment ago.
    std::vector<std::string> transactions;
    for (const auto& file : files) {
      std::ranges::move(test::transactions_in(file), std::back_inserter(transactions));
    }
    if (transactions.empty()) return;
    const std::size_t which =
        std::uniform_int_distribution<std::size_t>(0, transactions.size() - 1)(random_);
    const std::string& text = transactions[which];
    const std::size_t bytes =
        std::uniform_int_distribution<std::size_t>(1, text.size() - 1)(random_);
    test::append_to_aof(files.back(), std::string_view(text).substr(0, bytes));
    tally_.add({Fault::torn_by_hand, "the AOF", Point::executed});
  }

  void tell_redis(Fault fault) {
    if (fault == Fault::gc) {
      gc_.push_back(process({test::kCtlProgram, "gc", kQueue}, server_.url()));
      return;
    }
    test::RedisClient redis(server_.options());
    if (fault == Fault::redis_pause) redis.call({"CLIENT", "PAUSE", "150"});
    if (fault == Fault::flush_scripts) redis.call({"SCRIPT", "FLUSH"});
    if (fault == Fault::kill_connections) redis.call({"CLIENT", "KILL", "TYPE", "normal"});
    if (fault == Fault::second_reclaimer) {
      redis.call({"DEL", internal::Keys(kQueue)[internal::Key::reclaimer]});
    }
  }

  void fill_redis() {
    test::RedisClient redis(server_.options());
    redis.call({"CONFIG", "SET", "maxmemory", "1"});
  }

  void add_chunk(std::size_t n) {
    const std::size_t end = std::min(fed_ + n, plan_.items.size());
    for (; fed_ < end; ++fed_) unread_ += plan_.items[fed_] + "\n";
    unread_ += "\n";
  }

  [[nodiscard]] bool all_fed() const { return fed_ == plan_.items.size() && unread_.empty(); }

  void feed_all() {
    add_chunk(plan_.items.size());
    clients_[kProducer].process->write(std::exchange(unread_, {}));
    clients_[kProducer].process->close_input();
  }

  // Never waits: one that is stopped reads nothing before this thread lets it go on.
  void feed_some() {
    test::Process& producer = *clients_[kProducer].process;
    if (producer.ended() || all_fed()) return;
    // Workers that are quicker than this process leave nothing to harm once all is fed.
    if (sabotage_ && !half_done_ && fed_ >= plan_.items.size() / 2) return;
    if (unread_.empty()) {
      if (Clock::now() < next_chunk_at_) return;
      next_chunk_at_ = Clock::now() + milliseconds{std::uniform_int_distribution(0, 150)(random_)};
      add_chunk(plan_.items.size() / kChunks + 1);
    }
    try {
      unread_.erase(0, producer.write_some(unread_));
    } catch (const std::exception&) {
      if (!test::eventually([&] { return producer.ended(); })) throw;
    }
    if (all_fed()) producer.close_input();
  }

  void look_after(std::size_t i) {
    Client& client = clients_[i];
    if (client.left || !client.process->ended()) return;
    const int code = client.process->wait();
    note(fmt::format("client {} ended with {}: {}", i, code, last_words(*client.process)));
    if (code == 0) {
      client.left = true;
      if (i != kProducer && !drained_now()) violation("a worker left with 0 before the drain");
      return;
    }
    // One that has ended its work is a process as any other before it leaves: the signal ends it.
    const bool stopped = code == kSigtermExit || code == -SIGTERM;
    if (code != -SIGKILL && !(stopped && client.told_to_stop)) {
      violation(fmt::format("client {} ended with {}", i, code));
      return;
    }
    if (i == kProducer) {
      producer_died_ = true;
      start_producer();
    } else {
      start_worker(i);
    }
  }

  [[nodiscard]] bool drained_now() {
    if (frozen_) server_.thaw();
    frozen_ = false;
    test::RedisClient redis(server_.options());
    return is_drained(redis);
  }

  void sabotage_when_half_done() {
    test::RedisClient redis(server_.options());
    const auto results = redis.integer({"XLEN", internal::Keys(kQueue)[internal::Key::results]});
    half_done_ = half_done_ || static_cast<std::size_t>(results) >= plan_.items.size() / 4;
    if (half_done_ && sabotage_(redis)) sabotage_ = {};
  }

  // ---- the end ----

  void finish() {
    if (frozen_) server_.thaw();
    if (report_.violations.empty()) {
      try {
        std::map<std::string, int> by_python = done_by_python();
        for (const auto& process : gc_) process->wait();
        test::RedisClient redis(server_.options());
        const bool late = std::any_of(clients_.begin(), clients_.end(),
                                      [](const Client& each) { return each.tap->late() > 0; });
        report_.violations = judge_queue(redis, plan_, {producer_died_, late}, by_python);
      } catch (const std::exception& error) {
        violation(error.what());
      }
    } else {
      for (const Client& client : clients_) {
        if (client.process) note(last_words(*client.process));
      }
    }
    clients_.clear();
    python_.clear();
    gc_.clear();
    if (!test::eventually([] { return test::stray_children().empty(); }, 20s)) {
      violation("processes were left behind");
    }
    report_.tally = injector_.tally();
    report_.tally.add(tally_);
    count_marks();
  }

  std::map<std::string, int> done_by_python() {
    std::map<std::string, int> done;
    for (const auto& process : python_) {
      process->wait();
      const std::string out = process->out();
      for (std::size_t begin = 0; begin < out.size();) {
        const std::size_t end = std::min(out.find('\n', begin), out.size());
        ++done[out.substr(begin, end - begin)];
        begin = end + 1;
      }
    }
    return done;
  }

  void count_marks() {
    for (const auto& file : std::filesystem::directory_iterator(marks_.path())) {
      const std::string name = file.path().filename();
      for (const auto& [end, fault] : kMarks) {
        if (name.ends_with(end)) report_.tally.add({fault, "an item", Point::answered});
      }
    }
  }

  [[nodiscard]] static std::string last_words(const test::Process& process) {
    const std::string err = process.err();
    return err.size() <= kLastWords ? err : err.substr(err.size() - kLastWords);
  }

  void note(const std::string& text) { report_.history += text + "\n"; }
  void violation(const std::string& text) { report_.violations.push_back(text); }

  const Plan& plan_;
  Sabotage sabotage_;
  const test::TemporaryFolder marks_;
  test::RedisServer server_;
  Injector injector_;
  std::mt19937_64 random_;
  RoundReport report_;
  Tally tally_;
  std::vector<Client> clients_;
  std::vector<std::unique_ptr<test::Process>> python_;
  std::vector<std::unique_ptr<test::Process>> gc_;
  std::vector<Timer> timers_;
  std::size_t fed_ = 0;
  std::string unread_;  // by the producer
  Clock::time_point next_chunk_at_;
  bool frozen_ = false;
  bool half_done_ = false;  // the sabotage may begin
  bool producer_died_ = false;
};

}  // namespace

RoundReport run_round(const Plan& plan, const Sabotage& sabotage) {
  return Round(plan, sabotage).run();
}

}  // namespace wq::fault
