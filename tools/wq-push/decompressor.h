#pragma once

#include <memory>
#include <string_view>

#include "wq-push/input_kind.h"

namespace wq::push {

/// Decompresses in pieces of limited size, whatever the compression ratio. Several compressed files
/// one behind the other are one text. One thread at a time.
class Decompressor {
 public:
  Decompressor() = default;
  virtual ~Decompressor() = default;
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;

  /// Consumes the beginning of `input` and returns its decompressed bytes, valid until the next
  /// call. Empty: all of `input` is consumed. Throws `InputError` for damaged data.
  [[nodiscard]] virtual std::string_view next(std::string_view& input) = 0;

  /// True if the input may end here; false in the middle of a compressed file.
  [[nodiscard]] virtual bool complete() const noexcept = 0;
};

/// Null for `Compression::none`.
[[nodiscard]] std::unique_ptr<Decompressor> make_decompressor(Compression compression);

}  // namespace wq::push
