#pragma once

#include <cstdint>
#include <string_view>

#include <wq/export.h>

namespace wq {

/// Why a try did not succeed. The text of a kind, as Redis and JSON have it, is its name here.
enum class FailureKind : std::uint8_t {
  error,       ///< the handler said so
  exit,        ///< the command ended with a code other than 0
  signal,      ///< a signal ended the command
  oom,         ///< the command was killed because memory ran out, or for its --memory-limit
  timeout,     ///< the try took longer than it may, or the coprocess fell silent
  unpassable,  ///< the item cannot be an argument of a command
  result,      ///< the result, a follow-up or a total is too large or invalid
  protocol,    ///< the coprocess broke its protocol
  crash,       ///< the lease ran out: the worker died or hung, as the reclaimer found
  other,       ///< a kind that this version does not know, from a newer one or from somebody else
};

/// Its text. Thread-safe.
[[nodiscard]] WQ_API std::string_view text(FailureKind kind) noexcept;

/// The kind that has this text, `other` if there is none: data in Redis is never refused for it.
/// Thread-safe.
[[nodiscard]] WQ_API FailureKind failure_kind(std::string_view text) noexcept;

}  // namespace wq
