#pragma once

namespace wq::test {

// What tests start and read, where the build has put it. No macros: a test need not be compiled
// anew for each folder that it is built in.
extern const char* const kRedisServer;    ///< or $WQ_TEST_REDIS_SERVER
extern const char* const kRedisCheckAof;  ///< or $WQ_TEST_REDIS_CHECK_AOF
extern const char* const kWorkerProgram;
extern const char* const kPushProgram;
extern const char* const kCtlProgram;
extern const char* const kCrawlProgram;  ///< of the examples
extern const char* const kStatsProgram;  ///< of the examples
extern const char* const kDescriptions;  ///< the folder of man pages and completions
extern const char* const kExamples;      ///< the folder of examples
extern const char* const kProtocol;      ///< protocol.json
extern const char* const kDashboard;     ///< Grafana's

}  // namespace wq::test
