#include "support/certificates.h"

#include <cstdio>
#include <stdexcept>
#include <string_view>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

namespace wq::test {
namespace {

struct Free {
  void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
  void operator()(X509* certificate) const noexcept { X509_free(certificate); }
  void operator()(X509_EXTENSION* extension) const noexcept { X509_EXTENSION_free(extension); }
  void operator()(BIO* bio) const noexcept { BIO_free(bio); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

template <typename T>
Owned<T> own(T* made) {
  if (made == nullptr) throw std::runtime_error("OpenSSL made nothing");
  return Owned<T>(made);
}

void check(int result) {
  if (result <= 0) throw std::runtime_error("OpenSSL refused");
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string pem(X509* certificate) {
  const Owned<BIO> bio = own(BIO_new(BIO_s_mem()));
  check(PEM_write_bio_X509(bio.get(), certificate));
  return text_of(bio.get());
}

std::string pem(EVP_PKEY* key, const std::string& passphrase) {
  const Owned<BIO> bio = own(BIO_new(BIO_s_mem()));
  check(PEM_write_bio_PKCS8PrivateKey(
      bio.get(), key, passphrase.empty() ? nullptr : EVP_aes_256_cbc(), passphrase.data(),
      static_cast<int>(passphrase.size()), nullptr, nullptr));
  return text_of(bio.get());
}

void extend(X509* certificate, int id, const std::string& value) {
  const auto extension = own(X509V3_EXT_conf_nid(nullptr, nullptr, id, value.c_str()));
  check(X509_add_ext(certificate, extension.get(), -1));
}

/// Without issuer and signature.
Owned<X509> make_certificate(const std::string& name, EVP_PKEY* key, std::chrono::hours valid_for) {
  static long serial = 0;
  constexpr long kDay = 24L * 60 * 60;
  Owned<X509> certificate = own(X509_new());
  check(X509_set_version(certificate.get(), X509_VERSION_3));
  check(ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), ++serial));
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -kDay);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), valid_for / std::chrono::seconds{1});
  check(X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_ASC,
                                   reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1,
                                   0));
  check(X509_set_pubkey(certificate.get(), key));
  return certificate;
}

}  // namespace

struct CertificateAuthority::Key {
  Owned<EVP_PKEY> key = own(EVP_EC_gen("P-256"));
  Owned<X509> certificate;
};

CertificateAuthority::CertificateAuthority(const TemporaryFolder& folder, const std::string& name)
    : key_(std::make_unique<Key>()), folder_(folder) {
  key_->certificate = make_certificate(name, key_->key.get(), std::chrono::hours{1});
  X509* const own = key_->certificate.get();
  check(X509_set_issuer_name(own, X509_get_subject_name(own)));
  extend(own, NID_basic_constraints, "critical,CA:TRUE");
  extend(own, NID_key_usage, "critical,keyCertSign");
  check(X509_sign(own, key_->key.get(), EVP_sha256()));
  file_ = folder.file(name + ".pem", pem(own));
}

CertificateAuthority::~CertificateAuthority() = default;

CertificateFiles CertificateAuthority::sign(const std::string& name, const CertificateWish& wish) {
  const Owned<EVP_PKEY> key = own(EVP_EC_gen("P-256"));
  const Owned<X509> made = make_certificate(name, key.get(), wish.valid_for);
  check(X509_set_issuer_name(made.get(), X509_get_subject_name(key_->certificate.get())));
  extend(made.get(), NID_subject_alt_name, wish.names);
  check(X509_sign(made.get(), key_->key.get(), EVP_sha256()));
  return {folder_.file(name + ".pem", pem(made.get())),
          folder_.file(name + ".key", pem(key.get(), wish.passphrase))};
}

}  // namespace wq::test
