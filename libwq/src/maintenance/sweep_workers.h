#pragma once

#include <cstdint>

#include "maintenance/pass.h"

namespace wq::internal {

/// A step of a pass, once a minute: removes the entries of workers that are gone. Until then they
/// are kept for people to see. Not thread-safe.
class SweepWorkers {
 public:
  void run(const Pass& pass);

 private:
  std::int64_t swept_ms_ = 0;  // by the server's clock
};

}  // namespace wq::internal
