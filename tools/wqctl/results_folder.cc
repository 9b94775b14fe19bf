#include "wqctl/results_folder.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/whole_number.h"
#include "cli/options.h"
#include "wqctl/view/json.h"

namespace wq::ctl {

using internal::UniqueFd;

namespace {

constexpr std::string_view kPrefix = "results-";
constexpr std::string_view kSuffix = ".jsonl";
constexpr mode_t kMode = 0666;  // less the umask

/// False if it may go away by itself or with time: a full disk, a broken one.
bool is_users_mistake(int error) {
  switch (error) {
    case EACCES:
    case EEXIST:
    case EINVAL:
    case EISDIR:
    case ELOOP:
    case ENAMETOOLONG:
    case ENOENT:
    case ENOTDIR:
    case EPERM:
    case EROFS:
      return true;
    default:
      return false;
  }
}

[[noreturn]] void fail(const std::string& path, int error) {
  const std::string message =
      fmt::format("--to: cannot write '{}': {}", cli::one_line(path), std::strerror(error));
  if (is_users_mistake(error)) throw cli::UsageError(message);
  throw cli::OutputError(message);
}

/// 0, or an errno value.
int write_at(int file, std::uint64_t offset, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    if (written == 0) return ENOSPC;
    offset += static_cast<std::uint64_t>(written);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

/// 0 for another name.
std::uint64_t number_of(std::string_view name) {
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) return 0;
  if (name.size() <= kPrefix.size() + kSuffix.size()) return 0;
  name.remove_prefix(kPrefix.size());
  name.remove_suffix(kSuffix.size());
  return internal::whole_number<std::uint64_t>(name).value_or(0);
}

/// Empty for another line.
std::string id_of(const std::string& line) {
  // Results may be objects of any size, and `Json` looks through all members for each that it adds.
  const nlohmann::json json = nlohmann::json::parse(line, nullptr, false);
  if (!json.is_object() || !json.contains("id") || !json["id"].is_string()) return {};
  return json["id"];
}

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

ResultsFolder::ResultsFolder(std::string path, std::uint64_t file_bytes)
    : path_(std::move(path)), file_bytes_(file_bytes) {
  if (mkdir(path_.c_str(), 0777) != 0 && errno != EEXIST) fail(path_, errno);
  folder_ = UniqueFd(open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder_) fail(path_, errno);
  claim_ =
      UniqueFd(openat(folder_.get(), "results-queue.json", O_RDWR | O_CREAT | O_CLOEXEC, kMode));
  if (!claim_) fail(path_, errno);
  if (flock(claim_.get(), LOCK_EX | LOCK_NB) == 0) return;
  if (errno != EWOULDBLOCK) fail(path_, errno);
  throw cli::OutputError(
      fmt::format("--to: another wqctl is writing results to '{}'", cli::one_line(path_)));
}

std::string ResultsFolder::begin(const std::string& queue, const std::string& queue_id) {
  number_ = last_number();
  claim(queue, queue_id, number_ == 0);
  return number_ == 0 ? std::string() : find_end();
}

std::string ResultsFolder::path_of(std::uint64_t number) const {
  return fmt::format("{}/{}{:06}{}", path_, kPrefix, number, kSuffix);
}

std::uint64_t ResultsFolder::last_number() const {
  std::uint64_t last = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(path_, error), end; !error && entry != end;
       entry.increment(error)) {
    last = std::max(last, number_of(entry->path().filename().string()));
  }
  if (error) fail(path_, error.value());
  return last;
}

void ResultsFolder::claim(const std::string& queue, const std::string& queue_id, bool empty) {
  Json json;
  put_bytes(json, "queue", queue);
  json["id"] = queue_id;
  const std::string ours = json_line(json) + "\n";
  if (content_of(path_ + "/results-queue.json") == ours) return;
  if (!empty) {
    throw cli::UsageError(fmt::format(
        "--to: '{}' belongs to another queue, or to '{}' before it was purged or lost; choose "
        "another folder",
        cli::one_line(path_), cli::one_line(queue)));
  }
  if (ftruncate(claim_.get(), 0) != 0) fail(path_, errno);
  if (const int error = write_at(claim_.get(), 0, ours); error != 0) fail(path_, error);
  if (fsync(claim_.get()) != 0 || fsync(folder_.get()) != 0) fail(path_, errno);
}

std::string ResultsFolder::find_end() {
  const std::string path = path_of(number_);
  file_ = UniqueFd(open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!file_) fail(path, errno);
  std::ifstream input(path, std::ios::binary);
  std::string last;
  // The end may be torn: by a kill in the middle of a line, by a machine that stopped to zeros.
  for (std::string line; std::getline(input, line) && !input.eof();) {
    if (line.find('\0') != std::string::npos) break;
    size_ += line.size() + 1;
    last.swap(line);
  }
  std::string id = id_of(last);
  if (id.empty()) {
    throw cli::UsageError(
        fmt::format("--to: '{}' does not end with a result, so wqctl cannot resume; choose "
                    "another folder",
                    cli::one_line(path)));
  }
  if (ftruncate(file_.get(), static_cast<off_t>(size_)) != 0) fail(path, errno);
  return id;
}

void ResultsFolder::write(std::string_view lines) {
  if (!file_ || size_ >= file_bytes_) return begin_file(lines);
  if (const int error = write_at(file_.get(), size_, lines); error != 0) {
    static_cast<void>(ftruncate(file_.get(), static_cast<off_t>(size_)));
    fail(path_of(number_), error);
  }
  size_ += lines.size();
  synced_ = false;
}

/// It gets its name when it has a whole line, so that the last file always says where to go on.
void ResultsFolder::begin_file(std::string_view lines) {
  sync();
  const std::string path = path_of(number_ + 1);
  const std::string part = path + ".part";
  UniqueFd file(open(part.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, kMode));
  if (!file) fail(path, errno);
  int error = write_at(file.get(), 0, lines);
  if (error == 0 && fsync(file.get()) != 0) error = errno;
  if (error == 0 && std::rename(part.c_str(), path.c_str()) != 0) error = errno;
  if (error != 0) {
    unlink(part.c_str());
    fail(path, error);
  }
  file_ = std::move(file);
  ++number_;
  size_ = lines.size();
  synced_ = false;
}

void ResultsFolder::sync() {
  if (!file_ || synced_) return;
  if (fsync(file_.get()) != 0 || fsync(folder_.get()) != 0) fail(path_of(number_), errno);
  synced_ = true;
}

}  // namespace wq::ctl
