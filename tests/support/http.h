#pragma once

#include <string>

#include "base/unique_fd.h"

namespace wq::test {

/// Connects to http://127.0.0.1:PORT/PATH and sends the beginning of a request of it, without the
/// empty line that would end it. Throws `std::runtime_error` if nobody listens.
[[nodiscard]] internal::UniqueFd begin_get(const std::string& url);

/// What that answers, head and all.
[[nodiscard]] std::string get(const std::string& url);

}  // namespace wq::test
