// fault_worker QUEUE LEASE_MS MAX_CRASHES: a worker in C++ that takes 20 items at a time. SIGTERM
// stops it. Exit code: 0 drained, 143 stopped.
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include <pthread.h>
#include <unistd.h>

#include <wq/worker.h>

#include "fault/handling.h"
#include "fault/plan.h"
#include "fault/verdict.h"

namespace {

using namespace std::chrono_literals;

constexpr int kStopped = 143;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr) throw std::runtime_error(std::string(name) + " is not set");
  return value;
}

// A checkpoint is of the same item and of an earlier lease.
bool is_good(const wq::Lease& lease) {
  if (lease.checkpoint.empty()) return true;
  const std::size_t blank = lease.checkpoint.rfind(' ');
  return lease.checkpoint.substr(0, blank) == lease.item &&
         std::stoull(lease.checkpoint.substr(blank + 1)) < lease.fence;
}

wq::Outcome handle(const wq::Batch& batch, std::size_t index, std::chrono::milliseconds lease) {
  static const std::string marks = environment(wq::fault::kMarksVariable);
  const std::string& item = batch.leases[index].item;
  if (!is_good(batch.leases[index])) {
    return wq::Outcome::complete("given " + batch.leases[index].checkpoint);
  }
  if (item.find(':') != std::string::npos) {
    batch.checkpoint(index, item + " " + std::to_string(batch.leases[index].fence));
  }
  const bool first = item.find(':') != std::string::npos && wq::fault::mark(marks, item);
  if (item.ends_with(wq::fault::kPoison)) ::kill(::getpid(), SIGKILL);
  if (first && item.ends_with(wq::fault::kKillWorker)) ::kill(::getpid(), SIGKILL);
  if (first && item.ends_with(wq::fault::kKillHandler)) ::kill(::getpid(), SIGKILL);
  if (first && item.ends_with(wq::fault::kFail)) return wq::Outcome::fail("as asked");
  if (first && item.ends_with(wq::fault::kOutlastLease)) std::this_thread::sleep_for(3 * lease / 2);
  wq::Outcome outcome = wq::Outcome::complete("done " + item);
  outcome.totals.push_back(wq::Total::sum("done " + item, 1));
  outcome.follow_ups.push_back(wq::FollowUp::to(wq::fault::kNextQueue, "done " + item));
  return outcome;
}

int run(const std::string& queue, std::chrono::milliseconds lease, std::uint32_t max_crashes) {
  // Threads inherit the mask, so that only the one that waits for the signal gets it.
  sigset_t term;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &term, nullptr);

  wq::RedisOptions redis;
  redis.url = environment("WQ_REDIS");
  redis.command_timeout = 2s;
  redis.patience = 60s;
  wq::WorkerOptions options;
  options.batch = 20;
  options.lease = lease;
  options.grace = 200ms;
  options.retry.max_attempts = 1'000;
  options.retry.max_crashes = max_crashes;
  options.retry.backoff_base = 10ms;
  options.retry.backoff_max = 50ms;
  options.halt_after = 0;
  options.follow_ups_to = {wq::fault::kNextQueue};
  options.log = [](wq::LogLevel level, std::string_view text) {
    if (level >= wq::LogLevel::info) std::cerr << std::string(text) + "\n";
  };
  wq::Worker worker(queue, redis, options, [lease](const wq::Batch& batch) {
    std::vector<wq::Outcome> outcomes;
    for (std::size_t i = 0; i < batch.leases.size(); ++i) {
      outcomes.push_back(handle(batch, i, lease));
    }
    return outcomes;
  });
  std::thread([&worker, term] {
    int signal = 0;
    sigwait(&term, &signal);
    worker.request_stop();
  }).detach();
  const wq::WorkerEnd end = worker.run().end;
  std::cerr << "end " << static_cast<int>(end) << '\n';
  std::_Exit(end == wq::WorkerEnd::drained ? 0 : kStopped);  // the other thread has the worker
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 4) throw std::invalid_argument("usage: fault_worker QUEUE LEASE_MS MAX_CRASHES");
    return run(argv[1], std::chrono::milliseconds{std::stoi(argv[2])},
               static_cast<std::uint32_t>(std::stoul(argv[3])));
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
