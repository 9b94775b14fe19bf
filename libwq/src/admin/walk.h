#pragma once

#include <functional>
#include <span>
#include <string>

#include "pure/keys.h"
#include "redis/link.h"

namespace wq::internal {

/// Hands over the items of a list from the right, in chunks of about a megabyte. Those that are
/// taken away meanwhile, and some beside them, are passed over; those that are added on the left
/// are not seen.
void for_chunks(Link& link, const std::string& list,
                const std::function<void(std::span<const std::string> items)>& look);

/// Hands over the names of keys that begin with `prefix`, those of other types included; of the
/// whole server, a few hundred at a time.
void for_keys(Link& link, const std::string& prefix,
              const std::function<void(std::span<const std::string> keys)>& look);

}  // namespace wq::internal
