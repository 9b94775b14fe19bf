#include "worker/load_estimator.h"

#include <gtest/gtest.h>

namespace wq::internal {
namespace {

using namespace std::chrono_literals;

TEST(LoadEstimator, KnowsNothingBeforeTheFirstCall) {
  const LoadEstimator estimator;
  EXPECT_FALSE(estimator.per_item());
  EXPECT_EQ(estimator.item_bytes(), 0U);
}

TEST(LoadEstimator, DividesTheTimeOfACallAmongItsItems) {
  LoadEstimator estimator;
  estimator.add_call(12ms, 4);
  EXPECT_EQ(estimator.per_item(), 3ms);
}

TEST(LoadEstimator, FollowsWhatChangesButNotAtOnce) {
  LoadEstimator estimator;
  estimator.add_call(1ms, 1);
  estimator.add_call(11ms, 1);
  EXPECT_EQ(estimator.per_item(), 3ms);
  for (int i = 0; i < 100; ++i) {
    estimator.add_call(11ms, 1);
    estimator.add_item(1'000);
  }
  EXPECT_GT(estimator.per_item(), 10ms);
  EXPECT_GT(estimator.item_bytes(), 990U);
  EXPECT_LE(estimator.item_bytes(), 1'000U);
}

}  // namespace
}  // namespace wq::internal
