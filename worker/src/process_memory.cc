#include "process_memory.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>

namespace wq::internal {
namespace {

namespace fs = std::filesystem;

fs::path folder_of(pid_t pid) { return fs::path("/proc") / std::to_string(pid); }

/// The sum of the lines that begin with one of `names`, which are in kB; nothing if there is none.
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
  std::uint64_t bytes = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bytes);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  // What version 1 says for none, rounded to pages, is close to 2^63.
  constexpr std::uint64_t kNone = std::uint64_t{1} << 62U;
  if (bytes >= kNone) return std::nullopt;
  return bytes;
}

/// The least limit from the group at `path` up to `top`.
std::optional<std::uint64_t> least_limit(const fs::path& top, fs::path path, const char* file) {
  // In a container the path may be that outside of it, which is not to be seen in here.
  std::error_code error;
  path = path.relative_path();
  if (!fs::exists(top / path, error)) path.clear();
  std::optional<std::uint64_t> least;
  while (true) {
    if (const auto limit = limit_in(top / path / file)) {
      least = std::min(least.value_or(*limit), *limit);
    }
    if (path.empty()) return least;
    path = path.parent_path();
  }
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
    if (("," + controllers + ",").find(",memory,") != std::string::npos) {
      return least_limit(mounts / "memory", path, "memory.limit_in_bytes");
    }
    if (controllers.empty() && fs::exists(mounts / "cgroup.controllers")) {
      return least_limit(mounts, path, "memory.max");
    }
  }
  return std::nullopt;
}

}  // namespace wq::internal
