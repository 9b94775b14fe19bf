#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/unique_fd.h"
#include "cli/output.h"

namespace wq::ctl {

/// Where results go.
class ResultsOutput {
 public:
  ResultsOutput() = default;
  virtual ~ResultsOutput() = default;
  ResultsOutput(const ResultsOutput&) = delete;
  ResultsOutput& operator=(const ResultsOutput&) = delete;

  /// Called once, before anything is written. Returns the id of the last result that is there
  /// already; empty: none is.
  [[nodiscard]] virtual std::string begin(const std::string& queue,
                                          const std::string& queue_id) = 0;
  /// Whole lines.
  virtual void write(std::string_view lines) = 0;
  /// Returns when everything that was written is as safe as it gets here.
  virtual void sync() = 0;
};

/// Standard output.
class ResultsStream : public ResultsOutput {
 public:
  /// `safe`: a file is synced to its disk, not only handed to the system.
  explicit ResultsStream(bool safe) : safe_(safe) {}

  [[nodiscard]] std::string begin(const std::string&, const std::string&) override { return {}; }
  void write(std::string_view lines) override { cli::write_out(lines); }
  void sync() override { safe_ ? cli::sync_out() : cli::flush_out(); }

 private:
  const bool safe_;
};

/// A folder with results of one queue, one a line, in files of a limited size. Only the last file
/// is ever written to, and only at its end; its last line tells where to resume. So a crash of the
/// process or the machine never duplicates or loses a result: a torn line is cut off and read from
/// Redis again, where the result stays until `sync`.
class ResultsFolder : public ResultsOutput {
 public:
  static constexpr std::uint64_t kFileBytes = std::uint64_t{64} << 20U;

  /// Makes the folder if it is not there (but not the one it is in) and takes it for this process.
  /// Throws `cli::UsageError` if it is not a folder or not writable, `cli::OutputError`
  /// when the disk is full or broken, or another process has the folder.
  explicit ResultsFolder(std::string path, std::uint64_t file_bytes = kFileBytes);

  /// Throws `cli::UsageError` if the folder holds something else than results of this queue.
  [[nodiscard]] std::string begin(const std::string& queue, const std::string& queue_id) override;
  /// Throws `cli::OutputError`; then nothing was written.
  void write(std::string_view lines) override;
  void sync() override;

 private:
  [[nodiscard]] std::string path_of(std::uint64_t number) const;
  [[nodiscard]] std::uint64_t last_number() const;
  void claim(const std::string& queue, const std::string& queue_id, bool empty);
  [[nodiscard]] std::string find_end();
  void begin_file(std::string_view lines);

  const std::string path_;
  const std::uint64_t file_bytes_;
  internal::UniqueFd folder_;
  internal::UniqueFd claim_;  ///< the file that says whose results these are; locked
  internal::UniqueFd file_;   ///< the last one
  std::uint64_t number_ = 0;
  std::uint64_t size_ = 0;
  bool synced_ = false;
};

}  // namespace wq::ctl
