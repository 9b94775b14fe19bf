#pragma once

#include <cerrno>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

// Header only: the programs use it too, and a shared library hides it.
namespace wq::internal {

/// Advice if a limit of the system is the cause; empty for other errors.
[[nodiscard]] inline std::string_view room_advice(int error) {
  switch (error) {
    case EAGAIN:
      return " (raise the limit of processes and threads: ulimit -u, TasksMax, or the pids of the "
             "container; a lower --concurrency of a worker takes fewer)";
    case EMFILE:
      return " (raise the limit of open files: ulimit -n, LimitNOFILE; a lower --concurrency of a "
             "worker takes fewer)";
    case ENFILE:
      return " (the machine has no more open files: raise fs.file-max)";
    default:
      return "";
  }
}

/// The error of something that could not be started or made: `what` in front of it ("cannot start a
/// process") and what to do about it.
[[nodiscard]] inline std::system_error no_room(const std::string& what,
                                               const std::error_code& error) {
  return {error, what + std::string(room_advice(error.value()))};
}

/// Throws the same of `errno`.
[[noreturn]] inline void throw_errno(const char* what) {
  throw no_room(what, {errno, std::generic_category()});
}

/// A `std::thread` or `std::jthread` that runs `body`; the error says what it was to do, such as
/// "the thread of slot 3". Throws `std::system_error`.
template <typename Thread, typename Body>
[[nodiscard]] Thread start_thread(const std::string& whose, Body&& body) {
  try {
    return Thread(std::forward<Body>(body));
  } catch (const std::system_error& error) {
    throw no_room("cannot start " + whose, error.code());
  }
}

}  // namespace wq::internal
