#include "digest.h"

#include <charconv>
#include <stdexcept>

#include <archive.h>
#include <archive_entry.h>
#include <nlohmann/json.hpp>
#include <openssl/evp.h>

namespace example {
namespace {

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

void check_hash(int result) {
  if (result != 1) {
    throw std::runtime_error("SHA-256 failed");
  }
}

void check_archive(archive* packed, la_ssize_t result) {
  if (result < ARCHIVE_OK) {
    const char* reason = archive_error_string(packed);
    throw std::runtime_error(std::string("cannot pack: ") + (reason != nullptr ? reason : "?"));
  }
}

/// Takes what libarchive has packed, and only counts it.
la_ssize_t count_packed(archive* /*packed*/, void* totals, const void* /*piece*/, size_t length) {
  static_cast<Totals*>(totals)->packed_bytes += length;
  return static_cast<la_ssize_t>(length);
}

/// Opens a stream that packs one file with xz and counts the outcome in `totals`.
void open_packed(archive* packed, Totals* totals) {
  check_archive(packed, archive_write_add_filter_xz(packed));
  check_archive(packed, archive_write_set_format_raw(packed));
  check_archive(packed, archive_write_set_bytes_per_block(packed, 0));
  check_archive(packed, archive_write_open(packed, totals, nullptr, count_packed, nullptr));
  const std::unique_ptr<archive_entry, decltype(&archive_entry_free)> entry(archive_entry_new(),
                                                                            archive_entry_free);
  archive_entry_set_filetype(entry.get(), AE_IFREG);
  check_archive(packed, archive_write_header(packed, entry.get()));
}

}  // namespace

Totals& Totals::operator+=(const Totals& other) {
  files += other.files;
  words += other.words;
  bytes += other.bytes;
  packed_bytes += other.packed_bytes;
  unsigned carry = 0;
  for (std::size_t i = digest.size(); i-- > 0;) {
    carry += static_cast<unsigned>(digest[i]) + other.digest[i];
    digest[i] = static_cast<std::uint8_t>(carry & 0xffU);
    carry >>= 8U;
  }
  return *this;
}

void to_json(nlohmann::json& json, const Totals& totals) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string digest;
  for (const unsigned byte : totals.digest) {
    digest += kDigits[byte >> 4U];
    digest += kDigits[byte & 15U];
  }
  json = {{"files", totals.files},
          {"words", totals.words},
          {"bytes", totals.bytes},
          {"packed_bytes", totals.packed_bytes},
          {"digest", digest}};
}

void from_json(const nlohmann::json& json, Totals& totals) {
  json.at("files").get_to(totals.files);
  json.at("words").get_to(totals.words);
  json.at("bytes").get_to(totals.bytes);
  json.at("packed_bytes").get_to(totals.packed_bytes);
  const auto digest = json.at("digest").get<std::string>();
  if (digest.size() != 2 * totals.digest.size()) {
    throw std::runtime_error("the digest \"" + digest + "\" does not have 64 digits");
  }
  for (std::size_t i = 0; i < totals.digest.size(); ++i) {
    const char* begin = digest.data() + 2 * i;
    if (std::from_chars(begin, begin + 2, totals.digest[i], 16).ptr != begin + 2) {
      throw std::runtime_error("the digest \"" + digest + "\" is not hexadecimal");
    }
  }
}

void FileReader::FreeHash::operator()(evp_md_ctx_st* hash) const noexcept { EVP_MD_CTX_free(hash); }

void FileReader::FreeArchive::operator()(archive* packed) const noexcept {
  archive_write_free(packed);
}

FileReader::FileReader(std::string_view name)
    : hash_(EVP_MD_CTX_new()), packed_(archive_write_new()) {
  if (hash_ == nullptr || packed_ == nullptr) {
    throw std::runtime_error("out of memory");
  }
  totals_.files = 1;
  check_hash(EVP_DigestInit_ex(hash_.get(), EVP_sha256(), nullptr));
  // The NUL keeps a name's end apart from the content's beginning.
  check_hash(EVP_DigestUpdate(hash_.get(), name.data(), name.size()));
  check_hash(EVP_DigestUpdate(hash_.get(), "", 1));
  open_packed(packed_.get(), &totals_);
}

FileReader::~FileReader() = default;

void FileReader::add(std::string_view piece) {
  totals_.bytes += piece.size();
  for (const char c : piece) {
    const bool space = is_space(c);
    totals_.words += static_cast<std::uint64_t>(!space && !in_word_);
    in_word_ = !space;
  }
  check_hash(EVP_DigestUpdate(hash_.get(), piece.data(), piece.size()));
  check_archive(packed_.get(), archive_write_data(packed_.get(), piece.data(), piece.size()));
}

Totals FileReader::finish() {
  check_archive(packed_.get(), archive_write_close(packed_.get()));
  check_hash(EVP_DigestFinal_ex(hash_.get(), totals_.digest.data(), nullptr));
  return totals_;
}

}  // namespace example
