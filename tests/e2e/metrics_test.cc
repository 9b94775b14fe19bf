#include <string>

#include "e2e/programs.h"
#include "support/http.h"

// What Prometheus reads: wqctl metrics, wqctl serve-metrics, and wq-worker --metrics-listen.
namespace wq::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class MetricsOf : public ProgramTest {
 protected:
  // The address that a server says it serves.
  static std::string url_of(Process& process) {
    process.wait_for_err("/metrics\n");
    return word_after(process.err(), "serving ");
  }

  [[nodiscard]] Process serve(const Words& more = {}) const {
    return ctl_process(Words{"serve-metrics", "q", "--listen", "127.0.0.1:0"} + more);
  }

  // promtool's judgement; empty: nothing to complain of.
  [[nodiscard]] static std::string complaints(const std::string& metrics) {
    Process promtool({"promtool", "check", "metrics"}, {.input = metrics});
    const int code = promtool.wait();
    return promtool.out() + promtool.err() +
           (code == 0 ? "" : "\npromtool ended with " + std::to_string(code));
  }
};

TEST_F(MetricsOf, AQueueAreWhatItsCountsAre) {
  push(numbered("", 9));
  EXPECT_EQ(work({"--max-attempts", "1", "--max-items", "2"}, {"false"}), 5);
  Queue queue = open_queue();
  const std::vector<Lease> held = queue.lease(3, std::chrono::minutes{1});
  const std::string text = ctl({"metrics", "q"});
  for (const char* line :
       {"wq_up{queue=\"q\"} 1\n", "wq_items{queue=\"q\",state=\"ready\"} 4\n",
        "wq_items{queue=\"q\",state=\"processing\"} 3\n",
        "wq_items{queue=\"q\",state=\"dead\"} 2\n", "wq_items_pushed_total{queue=\"q\"} 9\n",
        "wq_items_failed_total{queue=\"q\"} 2\n", "wq_items_died_total{queue=\"q\"} 2\n",
        "wq_workers{queue=\"q\"} 0\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_THAT(text, HasSubstr("wq_fence{queue=\"q\"} " + redis_.text({"GET", "q:fence"}).value()));
  EXPECT_THAT(text, HasSubstr("wq_key_memory_bytes{queue=\"q\",key=\"dead\"} "));
}

TEST_F(MetricsOf, AQueueTellHowLongAnItemIsHeld) {
  push({"a"});
  Process worker = this->worker({}, {"sh", "-c", "echo running >&2; exec sleep 1000"});
  worker.wait_for_err("running");
  EXPECT_TRUE(eventually([this] {
    const std::string text = ctl({"metrics", "q"});
    return std::stod(word_after(text, "\nwq_oldest_lease_seconds{queue=\"q\"} ")) > 0.5 &&
           text.find("wq_workers{queue=\"q\"} 1\n") != std::string::npos;
  }));
  worker.kill();
}

TEST_F(MetricsOf, AQueueThatIsReadByAUserWhoMayNotAskForMemoryAreWithoutIt) {
  push({"a"});
  redis_.call({"ACL", "SETUSER", "viewer", "on", ">x", "~*", "+@all", "-memory"});
  Process metrics =
      ctl_process({"metrics", "q"}, {{{"WQ_REDIS", "unix://viewer:x@" + server_.socket_path()}}});
  EXPECT_EQ(metrics.wait(), 0) << metrics.err();
  EXPECT_THAT(metrics.out(),
              AllOf(HasSubstr("wq_up{queue=\"q\"} 1\n"), Not(HasSubstr("wq_key_memory_bytes"))));
}

TEST_F(MetricsOf, AServerAreReadAnewEachTimeAndRedisMayGoAndComeBack) {
  Process server = serve({"other"});
  const std::string url = url_of(server);
  EXPECT_THAT(get(url), AllOf(HasSubstr("200 OK"), HasSubstr("wq_up{queue=\"other\"} 1\n"),
                              HasSubstr("wq_items_pushed_total{queue=\"q\"} 0\n")));
  push({"a"});
  const std::string answer = get(url);
  EXPECT_THAT(answer, HasSubstr("wq_items_pushed_total{queue=\"q\"} 1\n"));
  server_.kill();
  EXPECT_THAT(get(url), AllOf(HasSubstr("wq_up{queue=\"q\"} 0\nwq_up{queue=\"other\"} 0\n"),
                              Not(HasSubstr("wq_items"))));
  EXPECT_THAT(server.err(), HasSubstr("wq_up is 0 until that is over"));
  server_.start();
  EXPECT_THAT(get(url), HasSubstr("wq_up{queue=\"q\"} 1\n"));
  EXPECT_THAT(server.err(), HasSubstr("metrics can be read again"));
  conserves_ = false;  // it kept nothing
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait(), 0) << server.err();
}

TEST_F(MetricsOf, AServerEndWithItWhenRedisHangs) {
  Process server = serve();
  const std::string url = url_of(server);
  server_.freeze();
  EXPECT_THAT(get(url), HasSubstr("wq_up{queue=\"q\"} 0\n"));
  server.signal(SIGINT);
  EXPECT_EQ(server.wait(), 0) << server.err();
  server_.thaw();
}

TEST_F(MetricsOf, AServerNeedAnAddressThatIsFree) {
  Process server = serve();
  const std::string url = url_of(server);
  const std::string taken = url.substr(7, url.find('/', 7) - 7);
  const auto refusal = [this](const Words& arguments) {
    Process other = ctl_process(Words{"serve-metrics"} + arguments);
    EXPECT_EQ(other.wait(), 2);
    return other.err();
  };
  EXPECT_EQ(refusal({"q", "--listen", taken}),
            "wqctl: cannot listen on " + taken + ": Address already in use\n");
  EXPECT_THAT(refusal({"q", "--listen", "192.0.2.1:9100"}),
              HasSubstr("cannot listen on 192.0.2.1:9100: Cannot assign requested address\n"));
  EXPECT_THAT(refusal({"q", "--listen", "nowhere"}), HasSubstr("'nowhere' is not ADDR:PORT"));
  EXPECT_THAT(refusal({"q"}), HasSubstr("--listen ADDR:PORT is missing"));
  EXPECT_THAT(refusal({"q", "q", "--listen", taken}), HasSubstr("queue 'q' is named twice"));
  Process worker = this->worker({"--metrics-listen", taken}, {"true"});
  EXPECT_EQ(worker.wait(), 2);
  EXPECT_THAT(worker.err(), HasSubstr("cannot listen on " + taken + ": Address already in use"));
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait(), 0);
}

TEST_F(MetricsOf, AWorkerAreWhatItDid) {
  push(numbered("", 5));
  Process worker = this->worker(
      {"--metrics-listen", "127.0.0.1:0", "--max-attempts", "1"},
      {"sh", "-c", "case $1 in 3) exit 1;; 4) echo last >&2; exec sleep 1000;; esac", "_", "{}"});
  const std::string url = url_of(worker);
  std::string answer;
  EXPECT_TRUE(eventually([&] {
    answer = get(url);
    return answer.find("outcome=\"failed\"} 1\n") != std::string::npos &&
           answer.find("outcome=\"completed\"} 3\n") != std::string::npos &&
           answer.find("wq_worker_holding{queue=\"q\"} 1\n") != std::string::npos;
  })) << answer;
  EXPECT_THAT(answer, HasSubstr("wq_worker_handler_seconds_count{queue=\"q\"} 4\n"));
  redis_.call({"CLIENT", "KILL", "TYPE", "normal"});
  EXPECT_TRUE(eventually([&] {
    return get(url).find("wq_worker_reconnects_total{queue=\"q\"} 0\n") == std::string::npos;
  }));
  worker.signal(SIGTERM);
  worker.wait_for_err("SIGTERM: finishing");
  worker.signal(SIGTERM);
  EXPECT_EQ(worker.wait(), 143) << worker.err();
}

TEST_F(MetricsOf, AWorkerCountRenewals) {
  push({"a"});
  // Whether leases run out meanwhile does not matter: the item is leased again.
  Process worker = this->worker(
      {"--metrics-listen", "127.0.0.1:0", "--lease", "200ms", "--max-crashes", "1000000"},
      {"sh", "-c", "exec sleep 1000"});
  const std::string url = url_of(worker);
  EXPECT_TRUE(eventually([&] {
    const std::string answer = get(url);
    return answer.find("wq_worker_lease_renewals_total{queue=\"q\"} ") != std::string::npos &&
           answer.find("wq_worker_lease_renewals_total{queue=\"q\"} 0\n") == std::string::npos;
  }));
  worker.kill();
}

TEST_F(MetricsOf, AWorkerDoNotKeepItFromEndingWhenAClientSaysNothing) {
  push({"a"});
  static_cast<void>(ctl({"pause", "q"}));
  Process worker = this->worker({"--metrics-listen", "127.0.0.1:0"}, {"true"});
  const internal::UniqueFd client = begin_get(url_of(worker));
  static_cast<void>(ctl({"resume", "q"}));
  EXPECT_EQ(worker.wait(), 0) << worker.err();
}

TEST_F(MetricsOf, AnythingPassPromtool) {
  if (Process({"sh", "-c", "command -v promtool"}).wait() != 0) {
    GTEST_SKIP() << "there is no promtool here";
  }
  push(numbered("", 3));
  EXPECT_EQ(work({"--max-attempts", "1", "--max-items", "1"}, {"false"}), 5);
  EXPECT_EQ(complaints(ctl({"metrics", "q"})), "");
  Process server = serve();
  Process worker =
      this->worker({"--metrics-listen", "127.0.0.1:0"}, {"sh", "-c", "exec sleep 1000"});
  for (const std::string& url : {url_of(server), url_of(worker)}) {
    const std::string answer = get(url);
  }
  worker.kill();
  server.kill();
}

TEST_F(MetricsOf, AWorkerAreNotInheritedByItsChildren) {
  push({"a"});
  Process worker = this->worker({"--metrics-listen", "127.0.0.1:0"},
                                {"sh", "-c", "readlink /proc/self/fd/* >&2; :"});
  EXPECT_EQ(worker.wait(), 0) << worker.err();
  EXPECT_THAT(worker.err(), Not(HasSubstr("socket:")));
}

}  // namespace
}  // namespace wq::test
