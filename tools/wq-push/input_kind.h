#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace wq::push {

/// What wq-push decompresses itself.
enum class Compression { none, gzip, zstd };

/// The kind of a list that is not plain text, by its first bytes.
struct InputKind {
  std::string_view begins;  ///< with these bytes
  std::string_view is;      ///< "gzip", "UTF-16"
  std::string_view turn;    ///< the command that makes text of it; empty: the mark can be taken off
  Compression compression = Compression::none;
};

/// Nothing for anything else. Pure, as are the others here.
[[nodiscard]] std::optional<InputKind> kind_of_input(std::string_view begin);

/// True if more bytes must be seen before `kind_of_input` can tell.
[[nodiscard]] bool may_begin_a_kind(std::string_view begin);

/// "it is xz, not plain text; convert it: xzcat FILE | wq-push QUEUE".
[[nodiscard]] std::string advice(const InputKind& kind);

}  // namespace wq::push
