#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "wq-push/decompressor.h"
#include "wq-push/input.h"
#include "wq-push/item_source.h"

namespace wq::push {

/// How a stream of bytes is cut into items.
enum class Records {
  lines,       ///< at newlines. Empty lines are no items; a CR before the newline is part of one
  null_ended,  ///< at NUL bytes, exactly: nothing between two of them is an empty item
};

/// The items of one file or of standard input. Text after the last newline (or NUL) is an item too,
/// if not empty. Decompresses gzip and zstd, whatever the file is called. Logs a byte-order mark,
/// which is removed, and NUL bytes within a line. Input that cannot be a list of lines is refused
/// with `UsageError`: of another compression, UTF-16, or what `find -print0` writes.
class RecordSource : public ItemSource {
 public:
  /// `wait` must outlive this object.
  RecordSource(const std::string& path, Records records, std::uint64_t max_item_bytes,
               InputWait& wait);

  bool next(std::string& item) override;
  std::string position() const override;
  std::optional<double> fraction() const override { return input_.fraction(); }

 private:
  [[nodiscard]] std::string position(std::uint64_t number) const;
  /// The next bytes; the first time, enough to detect the kind of the input.
  [[nodiscard]] std::string_view read();
  [[nodiscard]] std::string_view read_begin();
  void read_until_kind_is_known();
  /// The next bytes, decompressed.
  [[nodiscard]] std::string_view read_plain();
  void look_for_zeros(std::string_view item, bool ended);

  Input input_;
  const Records records_;
  const std::uint64_t max_item_bytes_;
  bool begun_ = false;
  bool hinted_zeros_ = false;
  std::string begin_;  // of the text; `unread_` may be a part of it
  std::unique_ptr<Decompressor> decompressor_;
  std::string compressed_begin_;  // `compressed_` may be a part of it
  std::string_view compressed_;   // what is not decompressed yet
  std::string_view unread_;
  std::uint64_t number_ = 0;  // of the last record, empty lines included
};

}  // namespace wq::push
