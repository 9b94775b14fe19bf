#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <wq/redis_options.h>

#include "wq-push/input.h"
#include "wq-push/item_source.h"
#include "wq-push/record_source.h"

namespace wq::push {

/// Items that the Redis of the queue holds.
struct FromRedis {
  RedisOptions redis;
  std::string queue;
  std::function<void()> confirm = [] {};  ///< see `StreamGroup`
  std::size_t most_entries = 1'000;       ///< see `StreamSearch`
};

/// Which items a user asked for.
struct SourceOptions {
  std::vector<std::string> arguments;
  std::vector<std::string> files;  ///< "-" is standard input
  Records records = Records::lines;
  bool literal = false;
  bool each_file = false;
  bool json_lines = false;  ///< in files; see `JsonLines`
  std::string keys;         ///< a glob: the keys of a Redis, see `KeySource`
  std::string stream;       ///< a key: see `StreamSource`
  bool follow = false;      ///< see `StreamGroup`
  std::string field;        ///< of the hashes or the entries
  std::uint64_t max_item_bytes = 16 * 1024 * 1024;
};

/// The keys or the stream of a Redis; or the arguments first, then the files in their order; with
/// none of these, standard input. Checks first
/// what can be checked without reading: throws `std::invalid_argument`. `wait` must outlive
/// what is returned.
[[nodiscard]] std::unique_ptr<ItemSource> make_source(const SourceOptions& options, InputWait& wait,
                                                      const FromRedis& from = {});

}  // namespace wq::push
