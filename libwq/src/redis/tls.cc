#include "redis/tls.h"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <new>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <wq/error.h>

namespace wq::internal {
namespace {

struct FreeContext {
  void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
};
using Context = std::unique_ptr<SSL_CTX, FreeContext>;

struct FreeMethod {
  void operator()(BIO_METHOD* method) const noexcept { BIO_meth_free(method); }
};

// A BIO over a socket, since OpenSSL's own writes with write(), which raises SIGPIPE on a closed
// connection. See BIO_meth_new(3) and BIO_ctrl(3) for the contract of a BIO.

int socket_of(BIO* bio) {
  return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio)));
}

bool would_block(ssize_t result) { return result < 0 && (errno == EAGAIN || errno == EWOULDBLOCK); }

int write_socket(BIO* bio, const char* data, int size) {
  BIO_clear_retry_flags(bio);
  ssize_t written = 0;
  do {
    written = ::send(socket_of(bio), data, static_cast<std::size_t>(size), MSG_NOSIGNAL);
  } while (written < 0 && errno == EINTR);
  if (would_block(written)) BIO_set_retry_write(bio);
  return static_cast<int>(written);
}

int read_socket(BIO* bio, char* into, int size) {
  BIO_clear_retry_flags(bio);
  ssize_t got = 0;
  do {
    got = ::recv(socket_of(bio), into, static_cast<std::size_t>(size), 0);
  } while (got < 0 && errno == EINTR);
  if (would_block(got)) BIO_set_retry_read(bio);
  if (got == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  return static_cast<int>(got);
}

long control_socket(BIO* bio, int command, long /*number*/, void* /*pointer*/) {
  switch (command) {
    case BIO_CTRL_FLUSH:
      return 1;
    case BIO_CTRL_EOF:
      return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
    default:
      return 0;
  }
}

BIO* make_bio(int socket) {
  static const std::unique_ptr<BIO_METHOD, FreeMethod> method = [] {
    std::unique_ptr<BIO_METHOD, FreeMethod> own(
        BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "wq socket"));
    if (own == nullptr) throw std::bad_alloc();
    BIO_meth_set_write(own.get(), write_socket);
    BIO_meth_set_read(own.get(), read_socket);
    BIO_meth_set_ctrl(own.get(), control_socket);
    return own;
  }();
  BIO* const bio = BIO_new(method.get());
  if (bio == nullptr) throw std::bad_alloc();
  // NOLINTNEXTLINE(performance-no-int-to-ptr): nothing is ever read through it
  BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(socket)));
  BIO_set_init(bio, 1);
  return bio;
}

/// The last error of OpenSSL; clears it.
std::string reason() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* const text = ERR_reason_error_string(code);
  if (text != nullptr) return text;
  return ERR_SYSTEM_ERROR(code) ? std::strerror(ERR_GET_REASON(code)) : "unknown error";
}

[[noreturn]] void bad_file(std::string_view what, const std::string& path) {
  const unsigned long code = ERR_peek_error();
  // The first error is the cause, such as the file that does not exist.
  const std::string why =
      ERR_SYSTEM_ERROR(code) ? std::string(std::strerror(ERR_GET_REASON(code))) : reason();
  ERR_clear_error();
  throw std::invalid_argument(fmt::format("{} {} cannot be used: {}", what, path, why));
}

// Without it OpenSSL would ask for the passphrase on the terminal.
int no_passphrase(char*, int, int, void*) { return -1; }

Context make_context(const TlsOptions& options) {
  if (options.cert_file.empty() != options.key_file.empty()) {
    throw std::invalid_argument("a client certificate needs its key, and a key its certificate");
  }
  if (options.insecure && !options.ca_file.empty()) {
    throw std::invalid_argument(
        "a CA file and the option to accept any certificate exclude each other");
  }
  ERR_clear_error();
  Context context(SSL_CTX_new(TLS_client_method()));
  if (context == nullptr) throw std::bad_alloc();
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_verify(context.get(), options.insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_default_passwd_cb(context.get(), no_passphrase);
  // A server that closes without close_notify is just a closed connection.
  SSL_CTX_set_options(context.get(), SSL_OP_IGNORE_UNEXPECTED_EOF);
  if (options.insecure) {
    // Nothing is trusted and nothing is asked.
  } else if (options.ca_file.empty()) {
    SSL_CTX_set_default_verify_paths(context.get());
  } else if (SSL_CTX_load_verify_file(context.get(), options.ca_file.c_str()) != 1) {
    bad_file("the CA file", options.ca_file);
  }
  if (options.cert_file.empty()) return context;
  if (SSL_CTX_use_certificate_chain_file(context.get(), options.cert_file.c_str()) != 1) {
    bad_file("the client certificate", options.cert_file);
  }
  if (SSL_CTX_use_PrivateKey_file(context.get(), options.key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    bad_file("the client key", options.key_file);
  }
  return context;
}

/// Why the server's certificate is not accepted, and what to do; for `X509_V_ERR_...`.
std::string distrust(long verdict, const std::string& expected_name) {
  switch (verdict) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return fmt::format(
          "its certificate is not for '{}'; connect by a name in the certificate, or set the "
          "expected name (tls-server-name)",
          expected_name);
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "its certificate, or one that signed it, has expired";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "its certificate is not valid yet; is the clock here right?";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return fmt::format(
          "its certificate is not signed by a trusted CA ({}); set the file of its CA (tls-ca), or "
          "accept any certificate (tls-insecure)",
          X509_verify_cert_error_string(verdict));
    default:
      return fmt::format("its certificate is not accepted: {}",
                         X509_verify_cert_error_string(verdict));
  }
}

/// The meaning of the server's alert about the client certificate; empty for any other error.
std::string alert_about_us(unsigned long code) {
  if (ERR_GET_LIB(code) != ERR_LIB_SSL) return "";
  switch (ERR_GET_REASON(code)) {
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
      return "it requires a client certificate, or has no cipher in common with this client";
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
      return "it does not know the CA of the client certificate";
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
      return "our client certificate has expired";
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
    case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
    case SSL_R_TLSV1_ALERT_DECRYPT_ERROR:
      return "it does not accept the client certificate";
    default:
      return "";
  }
}

bool is_address(const std::string& host) {
  const std::unique_ptr<ASN1_OCTET_STRING, decltype(&ASN1_OCTET_STRING_free)> address(
      a2i_IPADDRESS(host.c_str()), ASN1_OCTET_STRING_free);
  ERR_clear_error();
  return address != nullptr;
}

}  // namespace

TlsSession::TlsSession(int socket, const TlsOptions& options, const std::string& host,
                       std::string server)
    : server_(std::move(server)),
      insecure_(options.insecure),
      expected_name_(options.server_name.empty() ? host : options.server_name) {
  Context context;
  try {
    context = make_context(options);
  } catch (const std::invalid_argument& error) {
    // The files were good once, so a file that is being replaced may be good again.
    throw ConnectionError(error.what());
  }
  session_.reset(SSL_new(context.get()));
  if (session_ == nullptr) throw std::bad_alloc();
  BIO* const bio = make_bio(socket);
  SSL_set_bio(session_.get(), bio, bio);
  if (is_address(expected_name_)) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session_.get()), expected_name_.c_str());
  } else {
    SSL_set1_host(session_.get(), expected_name_.c_str());
    SSL_set_tlsext_host_name(session_.get(), expected_name_.c_str());
  }
  ERR_clear_error();
  const int result = SSL_connect(session_.get());
  if (result != 1) fail(result, "during the TLS handshake");
}

void TlsSession::write(std::string_view bytes) {
  if (bytes.empty()) return;
  ERR_clear_error();
  std::size_t written = 0;  // all of it: partial writes are not enabled
  const int result = SSL_write_ex(session_.get(), bytes.data(), bytes.size(), &written);
  if (result == 1) return;
  if (SSL_get_error(session_.get(), result) == SSL_ERROR_SYSCALL) {
    // A server that refuses the client certificate sends an alert with the reason, then closes.
    char nothing = 0;
    static_cast<void>(read({&nothing, 1}));
  }
  fail(result, "while sending");
}

std::size_t TlsSession::read(std::span<char> into) {
  ERR_clear_error();
  std::size_t got = 0;
  const int result = SSL_read_ex(session_.get(), into.data(), into.size(), &got);
  if (result != 1) fail(result, "while waiting for an answer");
  return got;
}

void TlsSession::fail(int result, std::string_view doing) {
  const int system_error = errno;
  const std::string where = fmt::format("Redis at {}: ", server_);
  const int kind = SSL_get_error(session_.get(), result);
  const std::string alert = alert_about_us(ERR_peek_error());
  // OpenSSL judges the certificate in any case.
  const long verdict = insecure_ ? X509_V_OK : SSL_get_verify_result(session_.get());
  const std::string said = kind == SSL_ERROR_SSL ? reason() : "";
  ERR_clear_error();
  if (verdict != X509_V_OK) throw RefusedError(where + distrust(verdict, expected_name_));
  if (!alert.empty()) throw RefusedError(fmt::format("{}{} ({})", where, alert, said));
  switch (kind) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      throw ConnectionError(fmt::format("{}timed out {}", where, doing));
    case SSL_ERROR_ZERO_RETURN:
      throw ConnectionError(where + "Server closed the connection");
    case SSL_ERROR_SYSCALL:
      throw ConnectionError(fmt::format("{}{} {}", where, std::strerror(system_error), doing));
    default:
      throw ConnectionError(fmt::format("{}{} {}", where, said, doing));
  }
}

void TlsSession::Free::operator()(SSL* session) const noexcept { SSL_free(session); }

void check_tls_files(const TlsOptions& options) { static_cast<void>(make_context(options)); }

}  // namespace wq::internal
