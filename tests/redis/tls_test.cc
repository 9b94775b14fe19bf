// rediss://: what is encrypted works as what is not, and each way in which it can be wrong is said.
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <wq/error.h>
#include <wq/queue.h>

#include "redis/reconnecting_connection.h"
#include "support/certificates.h"
#include "support/queue_test.h"
#include "support/tls_redis.h"

namespace wq::test {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

class Tls : private TlsCertificates, public QueueTest {
 protected:
  explicit Tls(bool asks_for_a_certificate = false) : QueueTest(config(asks_for_a_certificate)) {
    options_ = with_host("localhost");
    options_.tls.ca_file = ca.file();
  }

  using TlsCertificates::ca;
  using TlsCertificates::client;
  using TlsCertificates::folder;
  using TlsCertificates::stranger;

  RedisOptions with_host(const std::string& host) const {
    RedisOptions options = this->options();
    options.url = "rediss://" + host + ":" + std::to_string(port_);
    options.patience = 0ms;
    options.connect_timeout = 1s;
    return options;
  }

  void serve(const CertificateFiles& certificate) {
    redis_.call(
        {"CONFIG", "SET", "tls-cert-file", certificate.cert, "tls-key-file", certificate.key});
  }

  // "refused: words", "away: words", "argument: words", or "" when it works.
  static std::string outcome(const RedisOptions& options) {
    try {
      static_cast<void>(Queue("q", options).counts());
    } catch (const RefusedError& error) {
      return std::string("refused: ") + error.what();
    } catch (const ConnectionError& error) {
      return std::string("away: ") + error.what();
    } catch (const std::invalid_argument& error) {
      return std::string("argument: ") + error.what();
    }
    return "";
  }

  int port_ = open_port(server_, "tls-port");
  RedisOptions options_;
};

TEST_F(Tls, CarriesItemsLargerThanARecordBothWays) {
  const std::string large(3'000'000, 'x');
  push({large, "small"});
  Queue queue("q", options_);
  std::vector<Lease> leases = queue.lease(2, 1min);
  ASSERT_THAT(items_of(leases), ElementsAre(large, "small"));
  std::vector<Settlement> settlements;
  for (Lease& lease : leases) {
    const std::string item = lease.item;
    settlements.push_back({std::move(lease), Outcome::complete(item)});
  }
  EXPECT_THAT(queue.settle(std::move(settlements)),
              ElementsAre(Settled::accepted, Settled::accepted));
  const std::vector<Result> results = queue.results("", 10);
  ASSERT_THAT(results, SizeIs(2));
  EXPECT_EQ(results[0].result, large);
}

TEST_F(Tls, AcceptsAServerByItsAddress) {
  RedisOptions options = with_host("127.0.0.1");
  options.tls.ca_file = ca.file();
  EXPECT_EQ(outcome(options), "");
}

TEST_F(Tls, RefusesACertificateThatNobodySignedWhomWeTrust) {
  options_.tls.ca_file = stranger.file();
  const auto untrusted =
      AllOf(StartsWith("refused: Redis at localhost:"), HasSubstr("not signed by a trusted CA"));
  EXPECT_THAT(outcome(options_), untrusted);
  options_.tls.ca_file.clear();  // those of the system
  EXPECT_THAT(outcome(options_), untrusted);
}

TEST_F(Tls, RefusesACertificateThatHasExpired) {
  serve(ca.sign("expired", {.valid_for = -1h}));
  EXPECT_THAT(outcome(options_), AllOf(StartsWith("refused: "), HasSubstr("has expired")));
}

TEST_F(Tls, RefusesACertificateWithAnotherNameUnlessItIsExpected) {
  serve(ca.sign("other", {.names = "DNS:redis.example"}));
  EXPECT_THAT(outcome(options_), AllOf(StartsWith("refused: "), HasSubstr("not for 'localhost'")));
  options_.tls.server_name = "redis.example";
  EXPECT_EQ(outcome(options_), "");
}

TEST_F(Tls, RefusesAServerThatHasNone) {
  RedisOptions options = options_;
  options.url = "rediss://localhost:" + std::to_string(open_port(server_, "port"));
  EXPECT_THAT(outcome(options), AllOf(StartsWith("refused: "), HasSubstr("does not speak TLS")));
}

TEST_F(Tls, IsNamedAsAReasonWhenAServerClosesAPlainConnection) {
  RedisOptions options = this->options();
  options.patience = 0ms;
  options.url = "redis://localhost:" + std::to_string(port_);
  EXPECT_THAT(outcome(options), AllOf(StartsWith("away: "), HasSubstr("rediss://")));
}

TEST_F(Tls, NamesTheFileThatCannotBeUsed) {
  RedisOptions options = options_;
  options.tls.ca_file = "/nonexistent/ca.pem";
  EXPECT_EQ(outcome(options),
            "argument: the CA file /nonexistent/ca.pem cannot be used: No such file or directory");
  options.tls.ca_file = client.key;
  EXPECT_THAT(outcome(options), StartsWith("argument: the CA file " + client.key));
  options = options_;
  options.tls.cert_file = client.cert;
  EXPECT_THAT(outcome(options), AllOf(StartsWith("argument: "), HasSubstr("needs its key")));
  options.tls.key_file = ca.sign("another").key;
  EXPECT_THAT(outcome(options),
              AllOf(StartsWith("argument: the client key "), HasSubstr("key values mismatch")));
}

TEST_F(Tls, DoesNotAskForThePassphraseOfAKey) {
  const CertificateFiles locked = ca.sign("locked", {.passphrase = "secret"});
  options_.tls.cert_file = locked.cert;
  options_.tls.key_file = locked.key;
  EXPECT_THAT(outcome(options_), StartsWith("argument: the client key " + locked.key));
}

TEST_F(Tls, RefusesFilesForAConnectionWithoutIt) {
  options_.url = server_.url();
  EXPECT_THAT(outcome(options_), AllOf(StartsWith("argument: "), HasSubstr("rediss://")));
}

TEST_F(Tls, ReadsItsFilesAgainForEachConnection) {
  const CertificateFiles mine = ca.sign("mine");
  options_.patience = 1min;
  options_.tls.cert_file = mine.cert;
  options_.tls.key_file = mine.key;
  Queue queue("q", options_);
  static_cast<void>(queue.counts());
  static_cast<void>(ca.sign("mine"));  // in place of the old one
  redis_.call({"CONFIG", "SET", "tls-auth-clients", "yes"});
  redis_.call({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
  EXPECT_NO_THROW(static_cast<void>(queue.counts()));
}

TEST_F(Tls, OutlivesAServerThatGoesWithoutAWord) {
  options_.patience = 1min;
  Queue queue("q", options_);
  static_cast<void>(queue.counts());
  redis_.call({"CONFIG", "REWRITE"});
  server_.restart();
  redis_ = RedisClient(options());
  EXPECT_NO_THROW(static_cast<void>(queue.counts()));
}

TEST_F(Tls, GivesUpOnAServerThatIsFrozen) {
  internal::Connection connection(options_);
  connection.set_timeout(100ms);
  server_.freeze();
  internal::CommandBuffer ping;
  ping.command({"PING"});
  try {
    static_cast<void>(connection.call(ping));
    FAIL() << "a frozen server answered";
  } catch (const ConnectionError& error) {
    EXPECT_THAT(error.what(), HasSubstr("timed out while waiting for an answer"));
  }
  server_.thaw();
  // What arrives now could belong to another request.
  EXPECT_THROW(static_cast<void>(connection.receive()), ConnectionError);
}

class TlsOfBothSides : public Tls {
 protected:
  TlsOfBothSides() : Tls(true) {}

  std::string outcome_with(const CertificateFiles& mine) {
    options_.tls.cert_file = mine.cert;
    options_.tls.key_file = mine.key;
    return outcome(options_);
  }
};

TEST_F(TlsOfBothSides, AcceptsUsWithACertificate) { EXPECT_EQ(outcome_with(client), ""); }

TEST_F(TlsOfBothSides, RefusesUsWithoutACertificate) {
  EXPECT_THAT(outcome(options_), AllOf(StartsWith("refused: "), HasSubstr("client certificate")));
}

TEST_F(TlsOfBothSides, RefusesUsWithTheCertificateOfAStranger) {
  EXPECT_THAT(outcome_with(stranger.sign("me")),
              AllOf(StartsWith("refused: "), HasSubstr("does not know the CA of the")));
}

TEST_F(TlsOfBothSides, RefusesUsWithACertificateThatHasExpired) {
  EXPECT_THAT(outcome_with(ca.sign("old", {.valid_for = -1h})),
              AllOf(StartsWith("refused: "), HasSubstr("our client certificate has expired")));
}

TEST_F(Tls, InsecureTakesACertificateOfAnybodyForAnyName) {
  serve(stranger.sign("foreign", {.names = "DNS:elsewhere", .valid_for = -1h}));
  options_.tls.ca_file.clear();
  EXPECT_THAT(outcome(options_), StartsWith("refused: "));
  options_.tls.insecure = true;
  EXPECT_EQ(outcome(options_), "");
}

TEST_F(Tls, ARefusalOfAnUnknownCaNamesBothWaysOut) {
  options_.tls.ca_file.clear();
  EXPECT_THAT(outcome(options_), AllOf(HasSubstr("tls-ca"), HasSubstr("tls-insecure")));
}

TEST_F(Tls, InsecureTakesABrokenConnectionForNoMoreThanThat) {
  serve(stranger.sign("foreign"));
  options_.tls.ca_file.clear();
  options_.tls.insecure = true;
  options_.patience = 20s;
  Queue queue("q", options_);
  EXPECT_EQ(queue.counts().ready, 0U);
  redis_.call({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
  EXPECT_EQ(queue.counts().ready, 0U) << "it connects again";
}

TEST_F(Tls, InsecureAndACaExcludeEachOther) {
  options_.tls.insecure = true;
  EXPECT_THAT(outcome(options_), AllOf(StartsWith("argument: "), HasSubstr("exclude each other")));
}

TEST_F(Tls, InsecureIsRefusedWhereThereIsNoTls) {
  RedisOptions plain = options();
  plain.tls.insecure = true;
  EXPECT_THAT(outcome(plain), AllOf(StartsWith("argument: "), HasSubstr("only rediss://")));
}

}  // namespace
}  // namespace wq::test
