// Uses a little of each part of the library, through what it exports, and is compiled with warnings
// as errors; prints its version, as the test expects.
#include <chrono>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <wq/admin.h>
#include <wq/doctor.h>
#include <wq/error.h>
#include <wq/lanes.h>
#include <wq/lease.h>
#include <wq/producer.h>
#include <wq/queue.h>
#include <wq/queue_metrics.h>
#include <wq/queues.h>
#include <wq/reclaimer.h>
#include <wq/testing.h>
#include <wq/version.h>
#include <wq/worker.h>

namespace {

using std::chrono::milliseconds;

void must(bool holds, std::string_view what) {
  if (!holds) throw std::logic_error(std::string(what));
}

// Every struct of options, with one member named: the others have their defaults.
const wq::RedisOptions kNoRedis{.url = "unix:///nowhere/wq.sock", .patience = milliseconds{1}};
const wq::RedisOptions kTls{.url = "rediss://localhost", .tls = {.server_name = "redis"}};
const wq::WorkerOptions kWorker{.concurrency = 2, .retry = {.max_attempts = 5}};
const wq::ProducerOptions kProducer{.once = true};
const wq::ReclaimerOptions kReclaimer{.max_crashes = 2};
const wq::DoctorOptions kDoctor{.roles = {wq::Role::worker}};

// What a handler or a test makes.
wq::Outcome outcome_of(const wq::Job& job) {
  if (job.item == "broken")
    return {.kind = wq::Outcome::Kind::fatal, .failure = {.kind = wq::FailureKind::exit}};
  if (job.item == "no program") throw wq::CannotRun("no such program");
  return {.result = "done"};
}

void classes_can_be_made() {
  wq::Worker worker("consumer", kNoRedis, kWorker, outcome_of);
  worker.request_stop();
  must(worker.stats().completed == 0 && !worker.session().empty(), "a worker that did nothing");
  const wq::Admin admin("consumer", kTls);
  const wq::Reclaimer reclaimer("consumer", kNoRedis, kReclaimer);
  const wq::MetricsReader reader{wq::RedisOptions{}};
  const wq::ServerFacts facts{.queue = "consumer"};
  must(wq::worst(wq::diagnose(facts, kDoctor)) > wq::FindingLevel::ok, "no facts are a warning");
  must(wq::name_of(wq::Role::viewer) == "viewer", "name_of");
  must(!wq::oldest_lease({}).has_value(), "oldest_lease");
  must(wq::text(wq::hash_item("item")).size() == 56, "hash_item");
  must(wq::lane_names("q", 2).size() == 2, "lane_names");
  const wq::Lease lease{.item = "item", .crashes = 2};
  must(wq::at_risk(lease, kWorker.retry), "at_risk");
  must(wq::BootClock::now() > wq::TimePoint{}, "BootClock");
  wq::ReclaimReport report{.died = 1};
  must((report += {.died = 1}).died == 2, "ReclaimReport");
  must(wq::Outcome::release().kind == wq::Outcome::Kind::release, "Outcome::release");
}

// What the library throws is caught by its base here, and what we throw by its own code.
void exceptions_pass_the_border() {
  bool caught = false;
  try {
    wq::Queue queue("consumer", kNoRedis);
    static_cast<void>(queue.counts());
  } catch (const wq::Error& error) {
    caught = dynamic_cast<const wq::ConnectionError*>(&error) != nullptr;
  }
  must(caught, "wq::Error is caught");
  caught = false;
  try {
    const wq::Producer producer("consumer", kNoRedis, kProducer);
  } catch (const wq::ConnectionError&) {
    caught = true;
  }
  must(caught, "wq::ConnectionError is caught");
  caught = false;
  try {
    wq::testing::FakeJob("no program").run(outcome_of);
  } catch (const wq::CannotRun&) {
    caught = true;
  }
  must(caught, "wq::CannotRun is caught");
}

// As docs/library.md shows it.
void a_handler_is_tested_without_redis() {
  must(wq::testing::FakeJob("item").run(outcome_of).result == "done", "an item that is done");
  wq::testing::FakeBatch batch({"a", "b"});
  batch.request_stop();
  const std::vector<wq::Outcome> outcomes = batch.run([](const wq::Batch& each) {
    each.settle(1, wq::Outcome::complete());
    return std::vector<wq::Outcome>(2, wq::Outcome::release());
  });
  must(outcomes[0].kind == wq::Outcome::Kind::release, "an item that was not begun");
  must(batch.settled(1)->kind == wq::Outcome::Kind::complete, "an item that was settled early");
}

}  // namespace

int main() {
  classes_can_be_made();
  exceptions_pass_the_border();
  a_handler_is_tested_without_redis();
  try {
    static_cast<void>(wq::list_queues({.url = "nowhere"}, {.pattern = "jobs*"}));
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
