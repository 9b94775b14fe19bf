// Built with -fsanitize=thread, linked with a libwq that is not: with share/wq/tsan.supp it must
// report nothing. With an argument its handler has a race, and it must report that one.
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <map>
#include <mutex>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <wq/error.h>
#include <wq/producer.h>
#include <wq/queue.h>
#include <wq/worker.h>

namespace {

constexpr int kItems = 3'000;

struct Seen {
  std::mutex mutex;
  std::map<std::string, int> lengths;
};

wq::RedisOptions redis() {
  return {.url = std::getenv("WQ_REDIS"), .log = [](wq::LogLevel, std::string_view text) {
            std::string line(text);
            line += '\n';
          }};
}

void fill(const std::string& queue, int items) {
  wq::Producer producer(queue, redis());
  for (int i = 0; i < items; ++i) producer.push("item-" + std::to_string(i));
  producer.finish();
}

// One by one, with results, failures, follow-ups, and a model for each slot.
bool one_by_one() {
  Seen seen;
  std::vector<std::string> models(4);
  wq::WorkerOptions options{.concurrency = 4, .retry = {.max_attempts = 1}};
  options.prepare = [&models](unsigned slot, const std::stop_token&) {
    if (models[slot].empty()) models[slot] = "model " + std::to_string(slot);
  };
  fill("jobs", kItems);
  wq::Worker worker("jobs", redis(), options, [&](const wq::Job& job) {
    const std::string text = models[job.slot] + std::string(job.item);
    const std::stop_callback callback(job.stop, [] {});
    {
      const std::lock_guard lock(seen.mutex);
      ++seen.lengths[std::string(job.lease.item)];
    }
    if (job.item.ends_with("7")) return wq::Outcome::fail("as asked " + text);
    if (job.item.ends_with("3")) throw std::runtime_error("thrown " + text);
    wq::Outcome outcome = wq::Outcome::complete(text);
    if (job.item == "item-1") outcome.follow_ups = {"follow-up"};
    return outcome;
  });
  std::jthread watcher([&worker](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      static_cast<void>(worker.stats());
      std::this_thread::yield();
    }
  });
  const wq::WorkerReport report = worker.run();
  return report.end == wq::WorkerEnd::drained && report.completed + report.failed == kItems + 1 &&
         seen.lengths.size() == kItems + 1;
}

// In batches, settled from another thread, until the worker is told to stop.
bool in_batches() {
  std::atomic<int> handled = 0;
  fill("batches", kItems);
  wq::Worker* running = nullptr;
  wq::Worker worker("batches", redis(), {.concurrency = 2, .batch = 16, .calls_per_slot = 2},
                    [&](const wq::Batch& batch) {
                      std::thread([&batch] {
                        batch.settle(0, wq::Outcome::complete(batch.leases[0].item + " early"));
                      }).join();
                      handled += static_cast<int>(batch.leases.size());
                      if (handled > kItems / 2) running->request_stop();
                      return std::vector<wq::Outcome>(batch.leases.size(),
                                                      wq::Outcome::complete("done"));
                    });
  running = &worker;
  return worker.run().end == wq::WorkerEnd::stopped;
}

// Handlers that are told to stop: by a timeout, and by a worker that does not wait.
bool stopped() {
  fill("slow", 8);
  wq::WorkerOptions options{.concurrency = 4};
  options.timeout = std::chrono::milliseconds{50};
  options.retry.max_attempts = 1;
  wq::Worker worker("slow", redis(), options, [](const wq::Job& job) {
    std::string text(job.item);
    while (!job.stop.stop_requested()) std::this_thread::yield();
    return wq::Outcome::fail(text + " was told to stop");
  });
  std::jthread runner([&worker] { static_cast<void>(worker.run()); });
  wq::Queue queue("slow", redis());
  while (queue.counts().dead < 4) std::this_thread::yield();
  worker.request_stop_now();
  return true;
}

// One that waits for Redis, stopped from another thread.
bool given_up() {
  std::atomic<bool> waiting = false;
  std::atomic<bool> gave_up = false;
  std::stop_source stop;
  std::jthread waiter([&] {
    wq::Queue queue("jobs",
                    {.url = "unix:///nowhere/wq.sock",
                     .waiting = [&](std::string_view server) { waiting = !server.empty(); }},
                    stop.get_token());
    try {
      static_cast<void>(queue.counts());
    } catch (const wq::ConnectionError&) {
      gave_up = true;
    }
  });
  while (!waiting) std::this_thread::yield();
  stop.request_stop();
  waiter.join();
  return gave_up;
}

bool racing() {
  int handled = 0;
  fill("racing", kItems);
  wq::Worker worker("racing", redis(), {.concurrency = 4}, [&handled](const wq::Job&) {
    ++handled;
    return wq::Outcome::complete();
  });
  return worker.run().end == wq::WorkerEnd::drained && handled > 0;
}

}  // namespace

int main(int argc, char**) {
  if (std::getenv("WQ_REDIS") == nullptr) return 2;  // asked only whether it starts
  if (argc > 1) return racing() ? 0 : 1;
  const bool good = one_by_one() && in_batches() && stopped() && given_up();
  std::cout << (good ? "nothing to report\n" : "the queue came out wrong\n");
  return good ? 0 : 1;
}
