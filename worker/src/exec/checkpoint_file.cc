#include "exec/checkpoint_file.h"

#include <cerrno>
#include <fstream>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <stdlib.h>

#include <wq/lease.h>

namespace wq::internal {
namespace {

namespace fs = std::filesystem;

/// What the file holds, up to one byte more than a checkpoint may have; empty if there is none.
std::string beginning_of(const fs::path& file) {
  std::string text(kLongestCheckpoint + 1, '\0');
  std::ifstream in(file, std::ios::binary);
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  return text;
}

}  // namespace

ExchangeFolder::ExchangeFolder() {
  std::string name = fs::temp_directory_path() / "wq-worker-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) {
    throw std::system_error(errno, std::generic_category(), "cannot make the folder " + name);
  }
  path_ = name;
}

ExchangeFolder::~ExchangeFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

CheckpointFile::CheckpointFile(fs::path file, std::string_view before, Save save, Log log)
    : file_(std::move(file)), saved_(before), save_(std::move(save)), log_(std::move(log)) {
  std::error_code ignored;
  fs::remove(file_, ignored);
  if (before.empty()) return;
  std::ofstream out(file_, std::ios::binary);
  out.write(before.data(), static_cast<std::streamsize>(before.size()));
  out.close();
  if (!out) {
    throw std::system_error(errno, std::generic_category(), "cannot write " + file_.string());
  }
}

CheckpointFile::~CheckpointFile() {
  std::error_code ignored;
  fs::remove(file_, ignored);
}

void CheckpointFile::look() {
  std::string text = beginning_of(file_);
  if (text.empty() || text == saved_) return;
  if (text.size() > kLongestCheckpoint) {
    if (!std::exchange(said_, true) && log_) {
      log_(LogLevel::warning,
           fmt::format("the checkpoint in {} is longer than {} bytes: it is not saved",
                       file_.string(), kLongestCheckpoint));
    }
    return;
  }
  saved_ = text;
  save_(std::move(text));
}

}  // namespace wq::internal
