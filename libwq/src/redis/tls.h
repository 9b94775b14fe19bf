#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <wq/redis_options.h>

using SSL = struct ssl_st;

namespace wq::internal {

/// TLS 1.2 or later over one connected socket. hiredis has TLS from 1.0 on, but does not check the
/// server's name and gives no reason for a refused certificate; and Debian 12, whose hiredis is
/// older, needs TLS too. Not thread-safe.
///
/// After an exception the session is unusable.
class TlsSession {
 public:
  /// Shakes hands over `socket`, which must block, with time limits set, and outlive the session.
  /// The files are read anew by each session, so that rotated ones are picked up. `host` is the
  /// host of the connection, `server` its name in messages.
  ///
  /// Throws `ConnectionError` when the connection breaks, times out, or a file cannot be read, and
  /// `RefusedError` when waiting does not help: one of the two certificates is not accepted.
  TlsSession(int socket, const TlsOptions& options, const std::string& host, std::string server);

  /// Writes all of it. Throws as the constructor does.
  void write(std::string_view bytes);

  /// Reads what is there, at least one byte, and returns how many. Throws as the constructor does.
  [[nodiscard]] std::size_t read(std::span<char> into);

 private:
  struct Free {
    void operator()(SSL* session) const noexcept;
  };

  [[noreturn]] void fail(int result, std::string_view doing);

  std::string server_;
  bool insecure_;
  std::string expected_name_;  ///< that the server's certificate must have
  std::unique_ptr<SSL, Free> session_;
};

/// Looks at the files as a session would. Throws `std::invalid_argument` for one that cannot be
/// read or does not hold what it should, and for a certificate without its key or the reverse.
void check_tls_files(const TlsOptions& options);

}  // namespace wq::internal
