#pragma once

#include <string>

namespace wq::internal {

/// Where Redis is when nothing else says so, and the password there: see
/// `RedisOptions::from_environment`. ($REDIS_PORT is never read: Kubernetes sets it to something
/// like tcp://10.0.0.1:6379.) Throws `std::invalid_argument` for a port that is not one.
[[nodiscard]] std::string redis_url_from_environment();
[[nodiscard]] std::string redis_password_from_environment();

}  // namespace wq::internal
