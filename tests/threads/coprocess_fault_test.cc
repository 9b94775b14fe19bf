// An exception that nobody foresaw, in the thread that speaks with a coprocess.
#include <new>
#include <span>

#include <gtest/gtest.h>

#include <wq/worker.h>

#include "coprocess/handler.h"
#include "process/orphan_reaper.h"

namespace wq::internal {
namespace {

using namespace std::chrono_literals;

TEST(CoprocessSlot, RefusesItsItemsUnchargedWhenItsThreadFails) {
  OrphanReaper reaper;
  CommandOptions options;
  options.command = {"sh", "-c", "read hello"};  // and ends before it is ready, which is logged
  options.log = [](LogLevel, std::string_view) { throw std::bad_alloc(); };
  const CoprocessHandler handler(options, reaper);
  Lease lease;
  lease.item = "a";
  int settled = 0;
  const Batch batch{.leases = std::span(&lease, 1),
                    .slot = 0,
                    .stop = {},
                    .settle = [&settled](std::size_t, const Outcome&) { ++settled; }};
  for (int i = 0; i < 2; ++i) EXPECT_THROW(static_cast<void>(handler(batch)), CannotGoOn);
  EXPECT_EQ(settled, 0);
}

}  // namespace
}  // namespace wq::internal
