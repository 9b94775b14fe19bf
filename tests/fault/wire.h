#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace wq::fault {

/// Takes the bytes of one direction of a connection to Redis and gives them back one command or
/// one reply at a time (RESP2). Not thread-safe.
class FrameSplitter {
 public:
  void feed(std::string_view bytes) { bytes_ += bytes; }

  /// The next whole frame, or an empty string while it has not come. Throws `std::runtime_error`
  /// for bytes that cannot be a frame.
  std::string next();

 private:
  std::string bytes_;
};

/// What a command is called in a report: its first word in upper case; of a script, the name of its
/// file.
[[nodiscard]] std::string name_of_command(std::string_view frame);

}  // namespace wq::fault
