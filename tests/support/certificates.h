#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "support/temporary_folder.h"

namespace wq::test {

/// A certificate and its key, as PEM files.
struct CertificateFiles {
  std::string cert;
  std::string key;
};

/// What a certificate should say.
struct CertificateWish {
  std::string names = "DNS:localhost,IP:127.0.0.1";  ///< as OpenSSL writes subjectAltName
  std::chrono::hours valid_for{1};                   ///< from now on; negative: it has expired
  std::string passphrase = {};                       ///< encrypts the key
};

/// A CA of the test's own, which signs certificates into a folder.
class CertificateAuthority {
 public:
  /// Writes `name`.pem, its certificate. `folder` must outlive it.
  CertificateAuthority(const TemporaryFolder& folder, const std::string& name);
  ~CertificateAuthority();
  CertificateAuthority(const CertificateAuthority&) = delete;
  CertificateAuthority& operator=(const CertificateAuthority&) = delete;

  [[nodiscard]] const std::string& file() const noexcept { return file_; }
  /// Writes `name`.pem and `name`.key; in place of what has these names.
  [[nodiscard]] CertificateFiles sign(const std::string& name, const CertificateWish& wish = {});

 private:
  struct Key;
  std::unique_ptr<Key> key_;
  const TemporaryFolder& folder_;
  std::string file_;
};

}  // namespace wq::test
