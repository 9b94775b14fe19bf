#pragma once

#include <string>
#include <vector>

#include "bench/result.h"

namespace wq::bench {

/// What one must know of a run besides its results.
struct RunFacts {
  std::string redis_version;
  double scale;
  unsigned rounds;
  double load_before;  ///< processes that wanted a core in the minute before the run
};

/// The results as a table in Markdown, with the medians of the rounds, the notes below.
[[nodiscard]] std::string table_text(const std::vector<Result>& results);
/// The facts as one line.
[[nodiscard]] std::string facts_text(const RunFacts& facts);
/// Everything, the figures of each round included, as one JSON object.
[[nodiscard]] std::string json_text(const RunFacts& facts, const std::vector<Result>& results);

/// The load average of the last minute.
[[nodiscard]] double machine_load();

}  // namespace wq::bench
