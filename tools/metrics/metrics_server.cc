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
#include <netinet/in.h>
#include <prometheus/exposer.h>
#include <prometheus/metric_family.h>
#include <sys/socket.h>
#include <unistd.h>

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

// 0, or why nobody can listen there. The web server would only say that something went wrong.
int try_to_listen(const ListenAddress& address) {
  sockaddr_storage storage{};
  socklen_t size = 0;
  if (is_v6(address.host)) {
    auto* const v6 = reinterpret_cast<sockaddr_in6*>(&storage);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(static_cast<std::uint16_t>(address.port));
    ::inet_pton(AF_INET6, address.host.c_str(), &v6->sin6_addr);
    size = sizeof *v6;
  } else {
    auto* const v4 = reinterpret_cast<sockaddr_in*>(&storage);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(static_cast<std::uint16_t>(address.port));
    ::inet_pton(AF_INET, address.host.c_str(), &v4->sin_addr);
    size = sizeof *v4;
  }
  const int socket = ::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return errno;
  const int on = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (storage.ss_family == AF_INET6) {
    ::setsockopt(socket, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  }
  const bool bound = ::bind(socket, reinterpret_cast<const sockaddr*>(&storage), size) == 0;
  const int why = bound ? 0 : errno;
  ::close(socket);
  return why;
}

/// Collects in threads of the web server, which is written in C: an exception that leaves them ends
/// the process.
class Guarded : public prometheus::Collectable {
 public:
  explicit Guarded(std::shared_ptr<prometheus::Collectable> source) : source_(std::move(source)) {}

  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override {
    try {
      return source_->Collect();
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

  const std::shared_ptr<prometheus::Collectable> source_;
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

MetricsServer::MetricsServer(const ListenAddress& address,
                             std::shared_ptr<prometheus::Collectable> source)
    : address_(address), source_(std::make_shared<Guarded>(std::move(source))) {
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
