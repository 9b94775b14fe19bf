#include "process/process_tree.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

namespace wq::internal {

std::vector<pid_t> children_of(pid_t pid) {
  namespace fs = std::filesystem;
  std::vector<pid_t> children;
  std::error_code error;  // a thread, or the process, may end meanwhile
  for (fs::directory_iterator thread(fs::path("/proc") / std::to_string(pid) / "task", error), end;
       !error && thread != end; thread.increment(error)) {
    std::ifstream list(thread->path() / "children");
    for (pid_t child = 0; list >> child;) children.push_back(child);
  }
  return children;
}

}  // namespace wq::internal
