#include "process/process_memory.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include "base/whole_number.h"

namespace wq::internal {
namespace {

namespace fs = std::filesystem;

fs::path folder_of(pid_t pid) { return fs::path("/proc") / std::to_string(pid); }

/// The sum of the lines that begin with one of `names`, which are in kB; nothing if all are
/// missing.
template <typename Names>
std::optional<std::uint64_t> sum_of(const fs::path& path, const Names& names) {
  std::ifstream file(path);
  std::optional<std::uint64_t> kilobytes;
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::string_view name(line.data(), colon);
    if (std::find(std::begin(names), std::end(names), name) == std::end(names)) continue;
    kilobytes = kilobytes.value_or(0) + std::stoull(line.substr(colon + 1));
  }
  if (!kilobytes) return std::nullopt;
  return *kilobytes * 1024;
}

/// "max", or none of the file: no limit.
std::optional<std::uint64_t> limit_in(const fs::path& path) {
  std::ifstream file(path);
  std::string text;
  file >> text;
  const auto bytes = whole_number<std::uint64_t>(text);
  // Version 1 reports no limit as a number close to 2^63, rounded to pages.
  constexpr std::uint64_t kNone = std::uint64_t{1} << 62U;
  return bytes < kNone ? bytes : std::nullopt;
}

/// The cgroup of this process that counts its memory.
struct MemoryGroup {
  fs::path top;   ///< where the hierarchy is mounted
  fs::path path;  ///< below it
  bool is_v2 = false;
};

std::optional<MemoryGroup> own_memory_group(const fs::path& root) {
  const fs::path mounts = root / "sys/fs/cgroup";
  std::ifstream file(root / "proc/self/cgroup");
  // Lines of "number:controllers:path"; version 2 has the number 0 and no controllers.
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string number;
    std::string controllers;
    std::string path;
    std::getline(fields, number, ':');
    std::getline(fields, controllers, ':');
    std::getline(fields, path);
    std::error_code error;
    MemoryGroup group;
    if (("," + controllers + ",").find(",memory,") != std::string::npos) {
      group.top = mounts / "memory";
    } else if (controllers.empty() && fs::exists(mounts / "cgroup.controllers", error)) {
      group.top = mounts;
      group.is_v2 = true;
    } else {
      continue;
    }
    // In a container the path may be that outside of it, which is not to be seen in here.
    group.path = fs::path(path).relative_path();
    if (!fs::exists(group.top / group.path, error)) group.path.clear();
    return group;
  }
  return std::nullopt;
}

}  // namespace

std::uint64_t most_memory_bytes(pid_t pid) {
  constexpr std::string_view kNames[] = {"RssAnon", "RssShmem"};
  return sum_of(folder_of(pid) / "status", kNames).value_or(0);
}

std::uint64_t memory_share_bytes(pid_t pid) {
  constexpr std::string_view kNames[] = {"Pss_Anon", "Pss_Shmem"};
  const auto share = sum_of(folder_of(pid) / "smaps_rollup", kNames);
  return share ? *share : most_memory_bytes(pid);
}

std::optional<std::uint64_t> cgroup_memory_limit(const fs::path& root) {
  const auto group = own_memory_group(root);
  if (!group) return std::nullopt;
  const char* file = group->is_v2 ? "memory.max" : "memory.limit_in_bytes";
  std::optional<std::uint64_t> least;
  for (fs::path path = group->path;; path = path.parent_path()) {
    if (const auto limit = limit_in(group->top / path / file)) {
      least = std::min(least.value_or(*limit), *limit);
    }
    if (path.empty()) return least;
  }
}

OomKills::OomKills(const fs::path& root) {
  const auto group = own_memory_group(root);
  if (!group) return;
  const char* file = group->is_v2 ? "memory.events" : "memory.oom_control";
  file_ = UniqueFd(::open((group->top / group->path / file).c_str(), O_RDONLY | O_CLOEXEC));
}

std::uint64_t OomKills::count() const {
  // Lines of "name number": a dozen at most.
  std::array<char, 1024> buffer{};
  const ssize_t size = ::pread(file_.get(), buffer.data(), buffer.size(), 0);
  if (size <= 0) return 0;
  const std::string_view text(buffer.data(), static_cast<std::size_t>(size));
  constexpr std::string_view kName = "\noom_kill ";  // never the first
  const std::size_t at = text.find(kName);
  std::uint64_t count = 0;
  if (at != std::string_view::npos) {
    std::from_chars(text.data() + at + kName.size(), text.data() + text.size(), count);
  }
  return count;
}

}  // namespace wq::internal
