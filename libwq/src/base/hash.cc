#include <memory>
#include <stdexcept>

#include <openssl/evp.h>

#include <wq/lease.h>

namespace wq {
namespace {

struct FreeDigest {
  void operator()(EVP_MD* digest) const { EVP_MD_free(digest); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

// Looking an algorithm up costs more than hashing a small item, so each thread does it once.
struct Sha224 {
  std::unique_ptr<EVP_MD, FreeDigest> digest{EVP_MD_fetch(nullptr, "SHA2-224", nullptr)};
  std::unique_ptr<EVP_MD_CTX, FreeDigest> context{EVP_MD_CTX_new()};
};

}  // namespace

ItemHash hash_item(std::string_view item) {
  thread_local const Sha224 sha;
  std::array<unsigned char, 28> raw{};
  if (!sha.digest || !sha.context ||
      EVP_DigestInit_ex2(sha.context.get(), sha.digest.get(), nullptr) != 1 ||
      EVP_DigestUpdate(sha.context.get(), item.data(), item.size()) != 1 ||
      EVP_DigestFinal_ex(sha.context.get(), raw.data(), nullptr) != 1) {
    throw std::runtime_error("OpenSSL refuses to compute SHA-224");
  }
  constexpr std::string_view kDigits = "0123456789abcdef";
  ItemHash hash{};
  for (std::size_t i = 0; i < raw.size(); ++i) {
    hash[2 * i] = kDigits[raw[i] >> 4U];
    hash[2 * i + 1] = kDigits[raw[i] & 15U];
  }
  return hash;
}

}  // namespace wq
