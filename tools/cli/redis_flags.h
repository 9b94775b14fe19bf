#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <wq/redis_options.h>

namespace wq::cli {

class Options;

/// Declares --redis, --password-file and --redis-patience and sets `redis` to what the environment
/// says ($REDISCLI_AUTH too). The patience used is the one in `redis`; shown as its default is
/// `patience_text`, or that one if it is empty.
void add_redis_options(Options& options, RedisOptions& redis,
                       const std::string& patience_text = "");

/// To be called after `Options::parse`: a password file that was named wins over $REDISCLI_AUTH,
/// and it must be readable now. Warns of --tls-insecure, so the log must have begun. Throws
/// `UsageError`.
void check_redis_options(RedisOptions& redis);

/// The URL as it may be logged: user and password are replaced by `***`.
[[nodiscard]] std::string without_password(std::string_view url);

/// The URL without its password, with the user. Other text is returned unchanged.
[[nodiscard]] std::string url_for_others(std::string_view url);

/// A copy of the command line. Every user of the machine can read the original in /proc, so the
/// passwords of URLs before `--` are replaced there by `***`. Call it first.
class CommandLine {
 public:
  CommandLine(int argc, char** argv);

  [[nodiscard]] int size() const noexcept { return static_cast<int>(words_.size()); }
  /// Ends with null, as that of `main`.
  [[nodiscard]] const char* const* words() const noexcept { return pointers_.data(); }

 private:
  std::vector<std::string> words_;
  std::vector<const char*> pointers_;
};

}  // namespace wq::cli
