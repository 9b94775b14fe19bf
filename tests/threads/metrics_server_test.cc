// What becomes of a metrics server that ends while clients are at it.
#include "metrics/metrics_server.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <new>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/metric_family.h>

#include "metrics/families.h"
#include "support/eventually.h"
#include "support/http.h"

namespace wq::test {
namespace {

using ::testing::HasSubstr;

std::vector<prometheus::MetricFamily> one_value() {
  prometheus::MetricFamily family = metrics::gauge("answer", "to everything");
  metrics::add(family, {}, 42);
  return {family};
}

/// Stays in `collect` until it may leave, and somewhat longer.
struct Slow {
  std::vector<prometheus::MetricFamily> collect() {
    inside = true;
    while (!may_leave) std::this_thread::yield();
    // Each may be a time slice of others.
    for (int i = 0; i < 1'000; ++i) std::this_thread::yield();
    left = true;
    return {};
  }

  std::atomic<bool> inside{false};
  std::atomic<bool> may_leave{false};
  std::atomic<bool> left{false};
};

const metrics::ListenAddress kAnyPort{.host = "127.0.0.1"};

TEST(MetricsServer, AnswersThoughNothingCanBeCollected) {
  const metrics::MetricsServer server{
      kAnyPort, []() -> std::vector<prometheus::MetricFamily> { throw std::bad_alloc(); }};
  EXPECT_THAT(get(server.url()), HasSubstr("200 OK"));
  EXPECT_THAT(get(server.url()), HasSubstr("200 OK"));
}

TEST(MetricsServer, EndsThoughClientsSayNothing) {
  // Each took a second or two.
  constexpr int kServers = 20;
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < kServers; ++i) {
    const metrics::MetricsServer server{kAnyPort, one_value};
    const internal::UniqueFd client = begin_get(server.url());
    EXPECT_THAT(get(server.url()), HasSubstr("answer 42\n"));
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds{10});
}

TEST(MetricsServer, DoesNotAskItsSourceAnyMoreWhenItIsGone) {
  const auto source = std::make_shared<Slow>();
  auto server =
      std::make_unique<metrics::MetricsServer>(kAnyPort, [source] { return source->collect(); });
  std::thread client([url = server->url()] { static_cast<void>(get(url)); });
  ASSERT_TRUE(eventually([&] { return source->inside.load(); }));
  source->may_leave = true;
  server.reset();
  EXPECT_TRUE(source->left);
  EXPECT_EQ(source.use_count(), 1);
  client.join();
}

}  // namespace
}  // namespace wq::test
