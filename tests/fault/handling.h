#pragma once

#include <string>

#include <fcntl.h>
#include <unistd.h>

namespace wq::fault {

/// Where the handlers of a run leave a file for each fault of theirs that has happened.
inline constexpr const char* kMarksVariable = "FAULT_MARKS";

/// True for the first caller of all processes: the file did not exist.
inline bool mark(const std::string& folder, const std::string& item) {
  const int fd =
      ::open((folder + "/" + item).c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  ::close(fd);
  return true;
}

}  // namespace wq::fault
