#include <optional>
#include <stdexcept>
#include <string>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "e2e/programs.h"

// What Prometheus reads: wqctl metrics, wqctl serve-metrics, and wq-worker --metrics-listen.
namespace wq::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// What http://127.0.0.1:PORT/PATH answers, head and all.
std::string get(const std::string& url) {
  const std::size_t colon = url.rfind(':');
  const std::size_t slash = url.find('/', colon);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port =
      htons(static_cast<std::uint16_t>(std::stoul(url.substr(colon + 1, slash - colon - 1))));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const internal::UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw std::runtime_error("nobody listens at " + url);
  }
  const std::string request = "GET " + url.substr(slash) + " HTTP/1.0\r\n\r\n";
  ::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL);
  std::string answer;
  char bytes[4096];
  for (ssize_t n = 0; (n = ::recv(socket.get(), bytes, sizeof bytes, 0)) > 0;) {
    answer.append(bytes, static_cast<std::size_t>(n));
  }
  return answer;
}

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

  // promtool's judgement, where it is installed; empty: nothing to complain of.
  [[nodiscard]] std::string complaints(const std::string& metrics) const {
    Process there({"sh", "-c", "command -v promtool"});
    if (there.wait() != 0) return "";
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
  EXPECT_EQ(complaints(text), "");
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
  worker.signal(SIGTERM);
  worker.signal(SIGTERM);
  static_cast<void>(eventually([&] {
    worker.signal(SIGTERM);
    return worker.ended();
  }));
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
  EXPECT_EQ(complaints(answer.substr(answer.find("\r\n\r\n") + 4)), "");
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
  EXPECT_THAT(refusal({"q", "--listen", "nowhere"}), HasSubstr("'nowhere' is no ADDR:PORT"));
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
      {"--metrics-listen", "127.0.0.1:0", "--max-attempts", "1", "--lease", "200ms"},
      {"sh", "-c", "case $1 in 3) exit 1;; 4) echo last >&2; exec sleep 1000;; esac", "_", "{}"});
  const std::string url = url_of(worker);
  std::string answer;
  EXPECT_TRUE(eventually([&] {
    answer = get(url);
    return answer.find("outcome=\"failed\"} 1\n") != std::string::npos &&
           answer.find("outcome=\"completed\"} 3\n") != std::string::npos &&
           answer.find("wq_worker_holding{queue=\"q\"} 1\n") != std::string::npos &&
           answer.find("wq_worker_lease_renewals_total{queue=\"q\"} 0\n") == std::string::npos;
  })) << answer;
  EXPECT_THAT(answer, HasSubstr("wq_worker_handler_seconds_count{queue=\"q\"} 4\n"));
  EXPECT_EQ(complaints(answer.substr(answer.find("\r\n\r\n") + 4)), "");
  redis_.call({"CLIENT", "KILL", "TYPE", "normal"});
  EXPECT_TRUE(eventually([&] {
    return get(url).find("wq_worker_reconnects_total{queue=\"q\"} 0\n") == std::string::npos;
  }));
  worker.signal(SIGTERM);
  EXPECT_TRUE(eventually([&] {
    worker.signal(SIGTERM);
    return worker.ended();
  }));
  EXPECT_EQ(worker.wait(), 143) << worker.err();
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
