#include "support/paths.h"

namespace wq::test {

const char* const kRedisServer = WQ_TEST_REDIS_SERVER;
const char* const kRedisCheckAof = WQ_TEST_REDIS_CHECK_AOF;
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
