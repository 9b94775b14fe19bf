// Uses a little of each part of the library; prints its version, as the test expects.
#include <iostream>
#include <stdexcept>

#include <wq/admin.h>
#include <wq/doctor.h>
#include <wq/lease.h>
#include <wq/producer.h>
#include <wq/queue.h>
#include <wq/queue_metrics.h>
#include <wq/queues.h>
#include <wq/version.h>
#include <wq/worker.h>

int main() {
  if (wq::text(wq::hash_item("item")).size() != 56) {
    return 1;
  }
  if (wq::oldest_lease({}).has_value()) {
    return 1;
  }
  wq::WorkerOptions options;
  const wq::Worker worker("consumer", {}, options,
                          [](const wq::Job&) { return wq::Outcome::complete(); });
  if (worker.figures().completed != 0 || wq::diagnose({}).empty()) {
    return 1;
  }
  const wq::MetricsReader reader{wq::RedisOptions{}};
  try {
    static_cast<void>(wq::list_queues({.url = "nowhere"}));
    return 1;
  } catch (const std::invalid_argument&) {
  }
  try {
    const wq::Queue queue("", {});
    return 1;
  } catch (const std::invalid_argument& error) {
    std::cout << "consumer of wq " << wq::kVersion << ": " << error.what() << '\n';
  }
}
