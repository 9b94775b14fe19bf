#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <prometheus/metric_family.h>

namespace prometheus {
class Collectable;
class Exposer;
}  // namespace prometheus

namespace wq::metrics {

/// Where to listen.
struct ListenAddress {
  std::string host;  ///< an IP address; that of version 6 without brackets
  int port = 0;      ///< zero: any that is free

  [[nodiscard]] std::string text() const;  ///< `127.0.0.1:9100`, `[::1]:9100`
};

/// Reads `ADDR:PORT`: an IP address, in brackets if it is one of version 6, `localhost`, or nothing
/// for all addresses of version 4. Throws `std::invalid_argument` with one line.
[[nodiscard]] ListenAddress parse_listen_address(std::string_view text);

/// Reads the metrics for a scrape. May throw; called in any thread.
using Collect = std::function<std::vector<prometheus::MetricFamily>()>;

/// Serves metrics at GET /metrics, in its own threads.
class MetricsServer {
 public:
  /// Listens from here on. Throws `std::invalid_argument` with the reason: the port is taken, or
  /// the address is not of this machine.
  MetricsServer(const ListenAddress& address, Collect collect);

  /// Waits for a call of `collect` that is under way; after that it is not called any more. Does
  /// not wait for clients: the port is free once the web server is rid of them, or when the process
  /// ends.
  ~MetricsServer();
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;

  /// `http://127.0.0.1:9100/metrics`, with the port that was taken.
  [[nodiscard]] std::string url() const;

 private:
  ListenAddress address_;
  std::shared_ptr<prometheus::Collectable> source_;
  std::unique_ptr<prometheus::Exposer> exposer_;
};

}  // namespace wq::metrics
