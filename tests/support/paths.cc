#include "support/paths.h"

#include <cstdlib>

namespace wq::test {
namespace {

const char* from_environment(const char* name, const char* otherwise) {
  const char* const value = std::getenv(name);
  return value != nullptr ? value : otherwise;
}

}  // namespace

const char* const kRedisServer = from_environment("WQ_TEST_REDIS_SERVER", WQ_TEST_REDIS_SERVER);
const char* const kRedisCheckAof =
    from_environment("WQ_TEST_REDIS_CHECK_AOF", WQ_TEST_REDIS_CHECK_AOF);
const char* const kWorkerProgram = WQ_TEST_WORKER;
const char* const kPushProgram = WQ_TEST_PUSH;
const char* const kCtlProgram = WQ_TEST_CTL;
const char* const kCrawlProgram = WQ_TEST_CRAWL;
const char* const kStatsProgram = WQ_TEST_SHARD_STATS;
const char* const kDescriptions = WQ_TEST_DESCRIPTIONS;
const char* const kExamples = WQ_TEST_EXAMPLES;
const char* const kProtocol = WQ_TEST_PROTOCOL;
const char* const kDashboard = WQ_TEST_DASHBOARD;

}  // namespace wq::test
