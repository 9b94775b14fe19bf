#pragma once

#include <stdexcept>
#include <string>

#include <wq/export.h>

namespace wq {

/// Infrastructure failures are exceptions and all derive from this class. What is expected in
/// the life of a queue (nothing ready, a lease that was lost) is a return value, never an
/// exception; a caller's mistake (an empty queue name) is `std::invalid_argument`.
class WQ_API Error : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Redis could not be reached, or the connection broke or timed out, for longer than the caller's
/// patience. Requests in flight may or may not have been executed.
class WQ_API ConnectionError : public Error {
  using Error::Error;
};

/// Redis answered with an error. `what()` holds its words.
class WQ_API ReplyError : public Error {
 public:
  explicit ReplyError(const std::string& message);

  /// The first word of the answer, such as "OOM", "LOADING" or "ERR". The word is found as well
  /// where Redis before 7.0 wraps it in "Error running script".
  [[nodiscard]] const std::string& code() const noexcept { return code_; }

  /// True if the same call may succeed later unchanged: Redis is loading, is a replica for the
  /// moment, has no memory left, and the like.
  [[nodiscard]] bool transient() const noexcept;

 private:
  std::string code_;
};

/// Redis keeps refusing until the configuration changes: the login, a right, a key of another type
/// in the way, a server that is too old, a certificate that one of the two sides does not accept.
/// Waiting does not help.
class WQ_API RefusedError : public ReplyError {
  using ReplyError::ReplyError;
};

/// Redis violates the protocol: a reply has the wrong shape, or the data of a queue was lost while
/// the queue was in use.
class WQ_API ProtocolError : public Error {
  using Error::Error;
};

/// A producer found the queue drained, so that workers may be leaving: it was asked not to begin
/// on a drained queue, or its hold was gone and what it still had to push came too late.
class WQ_API DrainedError : public Error {
  using Error::Error;
};

}  // namespace wq
