#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "wq-push/input.h"
#include "wq-push/item_source.h"
#include "wq-push/record_source.h"

namespace wq::push {

/// Which items a user asked for.
struct SourceOptions {
  std::vector<std::string> arguments;
  std::vector<std::string> files;  ///< "-" is standard input
  Records records = Records::lines;
  bool literal = false;
  bool each_file = false;
  std::uint64_t max_item_bytes = 16 * 1024 * 1024;
};

/// The arguments first, then the files in their order; with neither, standard input. Checks first
/// what can be checked without reading: throws `std::invalid_argument`. `wait` must outlive
/// what is returned.
[[nodiscard]] std::unique_ptr<ItemSource> make_source(const SourceOptions& options,
                                                      InputWait& wait);

}  // namespace wq::push
