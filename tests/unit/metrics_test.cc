#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <prometheus/text_serializer.h>

#include "metrics/families.h"
#include "metrics/metrics_server.h"
#include "metrics/queue_collector.h"
#include "support/paths.h"
#include "worker_collector.h"

namespace wq {
namespace {

using ::testing::HasSubstr;
using ::testing::IsSubsetOf;
using ::testing::Not;

std::string text_of(const std::vector<prometheus::MetricFamily>& families) {
  return prometheus::TextSerializer{}.Serialize(families);
}

metrics::QueueReading a_reading() {
  QueueMetrics metrics;
  metrics.counts.id = "abc";
  metrics.counts.ready = 7;
  metrics.counts.dead = 2;
  metrics.counts.completed = 12;
  metrics.counts.paused = true;
  metrics.workers = 3;
  metrics.oldest_lease = std::chrono::milliseconds{1'500};
  metrics.fence = 1'763'000'000'000'001;
  metrics.counts.delayed = 3;
  metrics.item_time = std::chrono::milliseconds{1'500};
  metrics.memory_bytes = {{"ready", 144}};
  return {"q", metrics};
}

TEST(QueueFamilies, HoldWhatWasRead) {
  const std::string text = text_of(metrics::queue_families(std::vector{a_reading()}));
  for (const char* line :
       {"wq_up{queue=\"q\"} 1\n", "wq_items{queue=\"q\",state=\"ready\"} 7\n",
        "wq_items{queue=\"q\",state=\"dead\"} 2\n", "wq_items_completed_total{queue=\"q\"} 12\n",
        "wq_workers{queue=\"q\"} 3\n", "wq_paused{queue=\"q\"} 1\n", "wq_drained{queue=\"q\"} 0\n",
        "wq_oldest_lease_seconds{queue=\"q\"} 1.5\n", "wq_remaining_items{queue=\"q\"} 10\n",
        "wq_item_seconds{queue=\"q\"} 1.5\n", "wq_fence{queue=\"q\"} 1763000000000001\n",
        "wq_key_memory_bytes{queue=\"q\",key=\"ready\"} 144\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST(QueueFamilies, OfAQueueThatCannotBeReadAreThatItIsDown) {
  const std::vector<metrics::QueueReading> readings{{"a", std::nullopt}, a_reading()};
  const std::string text = text_of(metrics::queue_families(readings));
  EXPECT_THAT(text, HasSubstr("wq_up{queue=\"a\"} 0\nwq_up{queue=\"q\"} 1\n"));
  EXPECT_THAT(text, Not(HasSubstr("wq_items{queue=\"a\"")));
  EXPECT_EQ(metrics::queue_families(std::vector<metrics::QueueReading>{{"a", std::nullopt}}).size(),
            1U);
}

TEST(QueueFamilies, MakeAnyNameALabel) {
  EXPECT_EQ(metrics::label_text("plain \"x\"\n"), "plain \"x\"\n");
  EXPECT_EQ(metrics::label_text("\xff"), "\xef\xbf\xbd");
  metrics::QueueReading reading = a_reading();
  reading.queue = "a\"b\nc";
  EXPECT_THAT(text_of(metrics::queue_families(std::vector{reading})),
              HasSubstr("wq_up{queue=\"a\\\"b\\nc\"} 1\n"));
}

TEST(WorkerFamilies, CountCallsUpToEachBound) {
  WorkerStats stats;
  stats.handler_calls[0] = 5;  // up to 1 ms
  stats.handler_calls[4] = 2;  // up to 100 ms
  stats.handler_calls.back() = 1;
  stats.handler_time = std::chrono::milliseconds{2'500};
  stats.lost = 4;
  const std::string text = text_of(internal::worker_families({"q"}, {stats}));
  for (const char* line : {"wq_worker_handler_seconds_count{queue=\"q\"} 8\n",
                           "wq_worker_handler_seconds_sum{queue=\"q\"} 2.5\n",
                           "wq_worker_handler_seconds_bucket{queue=\"q\",le=\"0.001\"} 5\n",
                           "wq_worker_handler_seconds_bucket{queue=\"q\",le=\"0.1\"} 7\n",
                           "wq_worker_handler_seconds_bucket{queue=\"q\",le=\"10000\"} 7\n",
                           "wq_worker_handler_seconds_bucket{queue=\"q\",le=\"+Inf\"} 8\n",
                           "wq_worker_items_total{queue=\"q\",outcome=\"lost\"} 4\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST(WorkerFamilies, AreOfEachQueue) {
  WorkerStats a;
  a.completed = 1;
  a.handler_calls[0] = 1;
  WorkerStats b;
  b.completed = 2;
  b.unconfirmed = 3;
  const std::string text = text_of(internal::worker_families({"a", "b"}, {a, b}));
  for (const char* line :
       {"wq_worker_handler_seconds_count{queue=\"a\"} 1\n",
        "wq_worker_handler_seconds_count{queue=\"b\"} 0\n",
        "wq_worker_items_total{queue=\"a\",outcome=\"completed\"} 1\n",
        "wq_worker_items_total{queue=\"b\",outcome=\"completed\"} 2\n",
        "wq_worker_unconfirmed{queue=\"b\"} 3\n", "wq_worker_holding{queue=\"b\"} 0\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

// Every name that a query may use.
std::set<std::string> exported() {
  std::set<std::string> names;
  const auto take = [&names](const std::vector<prometheus::MetricFamily>& families) {
    for (const auto& family : families) {
      if (family.type != prometheus::MetricType::Histogram) names.insert(family.name);
      if (family.type != prometheus::MetricType::Histogram) continue;
      for (const char* part : {"_bucket", "_sum", "_count"}) names.insert(family.name + part);
    }
  };
  take(metrics::queue_families(std::vector{a_reading()}));
  take(internal::worker_families({"q"}, {{}}));
  return names;
}

TEST(Dashboard, AsksForNothingThatIsNotExported) {
  std::ifstream file(test::kDashboard);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto dashboard = nlohmann::json::parse(text);
  std::set<std::string> asked;
  const auto take = [&asked](const std::string& query) {
    const std::regex name("wq_[a-z_]+");
    for (std::sregex_iterator each(query.begin(), query.end(), name), end; each != end; ++each) {
      asked.insert(each->str());
    }
  };
  for (const auto& panel : dashboard.at("panels")) {
    for (const auto& target : panel.at("targets")) take(target.at("expr"));
  }
  for (const auto& variable : dashboard.at("templating").at("list")) {
    if (variable.at("query").is_object()) take(variable.at("query").at("query"));
  }
  EXPECT_GT(asked.size(), 20U);
  EXPECT_THAT(asked, IsSubsetOf(exported()));
}

TEST(ListenAddress, IsAnAddressAndAPort) {
  const auto text = [](const char* given) { return metrics::parse_listen_address(given).text(); };
  EXPECT_EQ(text("127.0.0.1:9100"), "127.0.0.1:9100");
  EXPECT_EQ(text("localhost:0"), "127.0.0.1:0");
  EXPECT_EQ(text(":9100"), "0.0.0.0:9100");
  EXPECT_EQ(text("[::1]:9100"), "[::1]:9100");
  for (const char* bad : {"", "9100", "localhost", "127.0.0.1:", "127.0.0.1:65536", "example:1",
                          "::1:9100", "[::1]", "[127.0.0.1]:1", "1.2.3:4", ":-1", "[]:1"}) {
    try {
      static_cast<void>(metrics::parse_listen_address(bad));
      ADD_FAILURE() << bad;
    } catch (const std::invalid_argument& error) {
      EXPECT_THAT(error.what(), HasSubstr("'" + std::string(bad) + "' is not ADDR:PORT"));
    }
  }
}

}  // namespace
}  // namespace wq
