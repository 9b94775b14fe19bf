#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace wq::test {

/// The parts of the append-only file that redis-server writes commands to, in its folder; none if
/// it keeps none. The one that is written now comes last.
[[nodiscard]] std::vector<std::filesystem::path> aof_files(const std::filesystem::path& folder);

/// Whether it ends in half a command or half a transaction, as a kill leaves it: redis-check-aof
/// finds a fault, and Redis has written nothing behind it.
[[nodiscard]] bool is_torn(const std::filesystem::path& file);

/// Whether it ends in half a command: that is from a kill, and not what a start of Redis has made
/// of it, which cuts behind a whole one.
[[nodiscard]] bool ends_in_a_command(const std::filesystem::path& file);

/// Cuts the torn end off: `redis-check-aof --fix`.
void mend_aof(const std::filesystem::path& file);

/// The whole transactions in the last `bytes` of the file, each from MULTI to EXEC as written.
[[nodiscard]] std::vector<std::string> transactions_in(const std::filesystem::path& file,
                                                       std::size_t bytes = 1 << 20U);

/// Adds to the end of the file what Redis would have written next.
void append_to_aof(const std::filesystem::path& file, std::string_view bytes);

}  // namespace wq::test
