// A worker whose handler does nothing, to be set beside those of other queues by bench/peers. Like
// them it says on standard output how many items it has handled, and when: "count N SECONDS".

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <wq/worker_main.h>

namespace {

class Reporter {
 public:
  Reporter() : thread_([this](const std::stop_token& stop) { report(stop); }) {}

  void add(std::uint64_t n) {
    if (count_.fetch_add(n) == 0) say(n);
  }

 private:
  void report(const std::stop_token& stop) {
    std::uint64_t said = 0;
    while (!stop.stop_requested()) {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, stop, std::chrono::milliseconds{20}, [] { return false; });
      const std::uint64_t now = count_;
      if (now != said) say(now);
      said = now;
    }
  }

  static void say(std::uint64_t count) {
    const std::chrono::duration<double> now = std::chrono::steady_clock::now().time_since_epoch();
    std::printf("count %ju %.6f\n", static_cast<std::uintmax_t>(count), now.count());
    std::fflush(stdout);
  }

  std::atomic<std::uint64_t> count_{0};
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;
};

void sleep_for_ever() {
  std::puts("begun");
  std::fflush(stdout);
  std::this_thread::sleep_for(std::chrono::hours{1});
}

}  // namespace

int main(int argc, char** argv) {
  bool sleeps = false;
  std::unique_ptr<Reporter> reporter;
  wq::WorkerProgram program;
  program.summary = "Does nothing with each item.";
  program.options = {{"sleep", "", "say that an item is begun, and never end it",
                      [&](const std::string& text) { sleeps = text == "true"; }}};
  program.make_batch = [&](const wq::WorkerContext&) -> wq::BatchHandler {
    reporter = std::make_unique<Reporter>();
    return [&](const wq::Batch& batch) {
      if (sleeps) sleep_for_ever();
      reporter->add(batch.leases.size());
      return std::vector<wq::Outcome>(batch.leases.size());
    };
  };
  return wq::worker_main(argc, argv, program);
}
