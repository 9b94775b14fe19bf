#include "e2e/programs.h"
#include "support/fault_proxy.h"

// What arrives late: items that are large for the link between a worker and Redis.
namespace wq::test {
namespace {

using ::testing::HasSubstr;

class SlowLink : public ProgramTest {
 protected:
  void push_items(std::size_t n, std::size_t bytes) {
    Words items = numbered("", n);
    for (std::string& item : items) item.resize(bytes, 'x');
    push(items);
  }
};

TEST_F(SlowLink, DrainsAQueueWhoseBatchesAreTooLargeForIt) {
  push_items(24, 100'000);
  FaultProxy link(server_);
  link.slow_down(1'000'000);
  Process worker = start({kWorkerProgram, "--queue", "q", "--concurrency", "16", "--redis",
                          link.options().url, "--", "true"});
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  EXPECT_EQ(counts().completed, 24U);
}

TEST_F(SlowLink, SaysWhatIsTooLargeToComeInTimeAndGoesOnWithTheOthers) {
  push_items(1, 2'000'000);
  push_items(5, 10);
  // A second for each mebibyte and half the grace period are not enough at this rate.
  FaultProxy link(server_);
  link.slow_down(300'000);
  Process worker =
      start({kWorkerProgram, "--queue", "q", "--redis", link.options().url, "--", "true"});
  worker.wait_for_err("an item of 2.0 MB arrived");
  EXPECT_TRUE(eventually([this] { return counts().completed == 5; }, std::chrono::seconds{60}));
  worker.signal(SIGTERM);
  EXPECT_EQ(worker.wait(), 143);
  EXPECT_THAT(worker.err(), HasSubstr("the end of the queue"));
}

}  // namespace
}  // namespace wq::test
