#include "metrics/metrics_server.h"

#include <cerrno>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <prometheus/collectable.h>
#include <prometheus/exposer.h>
#include <sys/socket.h>

#include "base/unique_fd.h"
#include "cli/log.h"
#include "cli/units.h"

namespace wq::metrics {

namespace {

bool is_v6(const std::string& host) { return host.find(':') != std::string::npos; }

[[noreturn]] void refuse(std::string_view text) {
  throw std::invalid_argument(fmt::format(
      "'{}' is not ADDR:PORT, such as 127.0.0.1:9100, [::1]:9100 or, for all addresses, :9100",
      text));
}

// 0, or why it is impossible to listen there, an `errno` value: the web server gives no reason.
int try_to_listen(const ListenAddress& address) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(address.port);
  if (::getaddrinfo(address.host.c_str(), port.c_str(), &hints, &found) != 0) return EINVAL;
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> where(found, ::freeaddrinfo);
  const internal::UniqueFd socket(::socket(where->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return errno;
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (where->ai_family == AF_INET6) {
    ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  }
  return ::bind(socket.get(), where->ai_addr, where->ai_addrlen) == 0 ? 0 : errno;
}

/// Collects in threads of the web server, which is written in C: an exception that leaves them ends
/// the process.
class Guarded : public prometheus::Collectable {
 public:
  explicit Guarded(metrics::Collect collect) : collect_(std::move(collect)) {}

  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override {
    try {
      return collect_();
    } catch (const std::exception& error) {
      say(error.what());
    } catch (...) {
      say("something was thrown that is no std::exception");
    }
    return {};
  }

 private:
  static void say(std::string_view why) noexcept {
    try {
      cli::log(LogLevel::warning, fmt::format("metrics cannot be read: {}", why));
    } catch (...) {  // it cannot be logged either
    }
  }

  const metrics::Collect collect_;
};

}  // namespace

std::string ListenAddress::text() const {
  return is_v6(host) ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

ListenAddress parse_listen_address(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) refuse(text);
  ListenAddress address;
  std::string_view host = text.substr(0, colon);
  try {
    address.port = static_cast<int>(cli::parse_number(text.substr(colon + 1), 0, 65'535));
  } catch (const std::invalid_argument&) {
    refuse(text);
  }
  if (host.empty()) host = "0.0.0.0";
  if (host == "localhost") host = "127.0.0.1";
  const bool brackets = host.starts_with('[') && host.ends_with(']') && host.size() > 2;
  if (brackets) host = host.substr(1, host.size() - 2);
  address.host = host;
  in6_addr bytes{};
  if (::inet_pton(brackets ? AF_INET6 : AF_INET, address.host.c_str(), &bytes) != 1) refuse(text);
  return address;
}

MetricsServer::MetricsServer(const ListenAddress& address, metrics::Collect collect)
    : address_(address), source_(std::make_shared<Guarded>(std::move(collect))) {
  const auto refuse_to = [&address](std::string_view why) {
    throw std::invalid_argument(fmt::format("cannot listen on {}: {}", address.text(), why));
  };
  if (const int why = try_to_listen(address); why != 0) refuse_to(std::strerror(why));
  try {
    exposer_ = std::make_unique<prometheus::Exposer>(address.text());
  } catch (const std::exception& error) {
    refuse_to(error.what());
  }
  exposer_->RegisterCollectable(source_);
  const auto ports = exposer_->GetListeningPorts();
  if (!ports.empty()) address_.port = ports.front();
}

MetricsServer::~MetricsServer() {
  exposer_->RemoveCollectable(source_);
  // To stop civetweb takes up to 2 s, and much longer while a silent client is connected. That must
  // not delay the exit of a program.
  try {
    std::thread([exposer = std::move(exposer_)] {}).detach();
  } catch (const std::system_error&) {  // no more threads: then it takes as long as it takes
  }
}

std::string MetricsServer::url() const { return fmt::format("http://{}/metrics", address_.text()); }

}  // namespace wq::metrics
