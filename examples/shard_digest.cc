// A complete custom worker. Each item of the queue is the path of a tar archive, a shard. The
// worker counts the files, words and bytes in it, packs each file with xz to see how much is left
// of it, and makes a digest of them all. The result is one JSON object.
//
//   shard_digest --queue shards --results
//
// wq::worker_main brings options, signals, logs and exit codes. The rest is one function.

#include <array>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include <archive.h>
#include <archive_entry.h>
#include <nlohmann/json.hpp>

#include <wq/worker_main.h>

#include "digest.h"

namespace {

using Archive = std::unique_ptr<archive, decltype(&archive_read_free)>;

/// A shard that cannot be read, now or later.
class BadShard : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

void check(archive* shard, la_ssize_t result, const std::string& path) {
  if (result < ARCHIVE_OK) {
    const char* reason = archive_error_string(shard);
    throw BadShard(path + ": " + (reason != nullptr ? reason : "not a readable tar archive"));
  }
}

example::Totals read_file(archive* shard, const char* name, const std::string& path) {
  example::FileReader file(name);
  std::array<char, 65'536> buffer{};
  for (;;) {
    const la_ssize_t length = archive_read_data(shard, buffer.data(), buffer.size());
    check(shard, length, path);
    if (length == 0) {
      return file.finish();
    }
    file.add(std::string_view(buffer.data(), static_cast<std::size_t>(length)));
  }
}

/// Returns early, with the result so far, when `stop` is requested.
example::Totals read_shard(const std::string& path, const std::stop_token& stop) {
  const Archive shard(archive_read_new(), archive_read_free);
  check(shard.get(), archive_read_support_format_tar(shard.get()), path);
  check(shard.get(), archive_read_open_filename(shard.get(), path.c_str(), 65'536), path);
  example::Totals totals;
  archive_entry* entry = nullptr;
  while (!stop.stop_requested()) {
    const int result = archive_read_next_header(shard.get(), &entry);
    if (result == ARCHIVE_EOF) {
      break;
    }
    check(shard.get(), result, path);
    if (archive_entry_filetype(entry) == AE_IFREG) {
      totals += read_file(shard.get(), archive_entry_pathname(entry), path);
    }
  }
  return totals;
}

/// The handler. It is told to stop when the lease was lost or the worker must leave; what it has
/// done by then is dropped. Reading a shard changes nothing, so a second try does no harm.
wq::Outcome digest_shard(const wq::Job& job) {
  try {
    const nlohmann::json result = read_shard(std::string(job.item), job.stop);
    return job.stop.stop_requested() ? wq::Outcome::release()
                                     : wq::Outcome::complete(result.dump());
  } catch (const BadShard& error) {
    // No use in trying again: straight to the dead letters.
    return wq::Outcome::fatal(error.what());
  }
}

}  // namespace

int main(int argc, char** argv) { return wq::worker_main(argc, argv, digest_shard); }
