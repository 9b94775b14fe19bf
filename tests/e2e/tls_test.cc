#include "e2e/programs.h"
#include "support/tls_redis.h"

// The programs on a Redis that speaks TLS and asks for certificates.
namespace wq::test {
namespace {

using ::testing::HasSubstr;

class OnEncryptedRedis : private TlsCertificates, public ProgramTest {
 protected:
  OnEncryptedRedis() : ProgramTest(config(true)) {}

  // The settings of a program whose variables begin with `prefix`.
  [[nodiscard]] ProcessOptions with_certificates(const std::string& prefix) const {
    ProcessOptions process;
    process.environment = {{"WQ_REDIS", url_},
                           {prefix + "_TLS_CA", ca.file()},
                           {prefix + "_TLS_CERT", client.cert},
                           {prefix + "_TLS_KEY", client.key}};
    return process;
  }

  const std::string url_ =
      "rediss://localhost:" + std::to_string(open_port(ProgramTest::server_, "tls-port"));
  using TlsCertificates::ca;
  using TlsCertificates::client;
};

TEST_F(OnEncryptedRedis, AQueueIsFilledDrainedAndLookedAt) {
  const Words items = numbered("item", 100);
  Process push = push_process(Words{"q"} + items, with_certificates("WQ_PUSH"));
  EXPECT_EQ(push.wait(), 0) << push.err();
  Process work = worker({"--results", "--concurrency", "2"}, {"printf", "%s", "{}"},
                        with_certificates("WQ_WORKER"));
  EXPECT_EQ(work.wait(), 0) << work.err();
  EXPECT_EQ(results(), exactly_once(items, [](const std::string& item) { return item; }));
  Process status = ctl_process({"status", "q"}, with_certificates("WQCTL"));
  EXPECT_EQ(status.wait(), 0) << status.err();
  EXPECT_THAT(status.out(), HasSubstr("completed 100 of 100"));
}

TEST_F(OnEncryptedRedis, AnyCertificateIsTakenOnlyWhereTheCommandLineSaysSo) {
  ProcessOptions no_ca = with_certificates("WQ_PUSH");
  no_ca.environment.erase("WQ_PUSH_TLS_CA");
  no_ca.environment["WQ_PUSH_TLS_INSECURE"] = "1";
  Process refused = push_process({"q", "a"}, no_ca);
  EXPECT_EQ(refused.wait(), 2);
  EXPECT_THAT(refused.err(), HasSubstr("not signed by a trusted CA"));
  Process push = push_process({"--tls-insecure", "q", "a"}, no_ca);
  EXPECT_EQ(push.wait(), 0) << push.err();
  EXPECT_THAT(push.err(), HasSubstr("is not checked"));
  ProcessOptions of_worker = with_certificates("WQ_WORKER");
  of_worker.environment.erase("WQ_WORKER_TLS_CA");
  Process work = worker({"--tls-insecure"}, {"true"}, of_worker);
  EXPECT_EQ(work.wait(), 0) << work.err();
  EXPECT_THAT(work.err(), HasSubstr("is not checked"));
}

TEST_F(OnEncryptedRedis, WhatIsMissingIsSaidOnceAndAtOnce) {
  Process status =
      ctl_process({"status", "q", "--tls-ca", ca.file()}, {.environment = {{"WQ_REDIS", url_}}});
  EXPECT_EQ(status.wait(), 2);
  EXPECT_THAT(status.err(), HasSubstr("requires a client certificate"));
  EXPECT_EQ(lines(status.err()).size(), 1U) << status.err();
}

}  // namespace
}  // namespace wq::test
