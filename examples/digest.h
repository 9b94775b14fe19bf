#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

struct archive;
struct evp_md_ctx_st;

namespace example {

/// What is known of some files. Adding up gives the same in any order and any grouping, so totals
/// of shards can be held against the totals of one straight run over the files.
struct Totals {
  std::uint64_t files = 0;
  std::uint64_t words = 0;  ///< runs of bytes that are not ASCII white space
  std::uint64_t bytes = 0;
  std::uint64_t packed_bytes = 0;  ///< their size when each file is packed with xz
  /// The sum, modulo 2^256, of the SHA-256 of each file's name and content. A sum and not an
  /// exclusive or, under which a file that was counted twice would vanish.
  std::array<std::uint8_t, 32> digest{};

  Totals& operator+=(const Totals& other);
  bool operator==(const Totals&) const = default;
};

/// As an object with the members' names as keys, the digest in hexadecimal.
void to_json(nlohmann::json& json, const Totals& totals);

/// Throws `nlohmann::json::exception` or `std::runtime_error` if it is not what `to_json` writes.
void from_json(const nlohmann::json& json, Totals& totals);

/// Reads one file piece by piece. Throws `std::runtime_error` when a library fails.
class FileReader {
 public:
  /// `name` becomes part of the digest.
  explicit FileReader(std::string_view name);
  ~FileReader();
  FileReader(const FileReader&) = delete;
  FileReader& operator=(const FileReader&) = delete;

  void add(std::string_view piece);

  /// The file is complete. Call it once, last.
  [[nodiscard]] Totals finish();

 private:
  struct FreeHash {
    void operator()(evp_md_ctx_st* hash) const noexcept;
  };
  struct FreeArchive {
    void operator()(archive* packed) const noexcept;
  };

  Totals totals_;
  bool in_word_ = false;
  std::unique_ptr<evp_md_ctx_st, FreeHash> hash_;
  std::unique_ptr<archive, FreeArchive> packed_;
};

}  // namespace example
