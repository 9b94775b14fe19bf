#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "redis/reconnecting_connection.h"

namespace wq::internal {

using LookAt = std::function<void(std::span<const std::string>)>;

/// Hands over the items of a list in chunks of about a megabyte. From the right: what is added on
/// the left is not seen, and as much as is taken away meanwhile is passed over. From the left: what
/// is taken from the right changes nothing, and as much as is added on the left is seen twice.
enum class From { left, right };
void for_chunks(ReconnectingConnection& link, const std::string& list, From from,
                const LookAt& look);

/// Hands over the members of a sorted set that match a glob, about a hundred at a time; what is
/// there all the time at least once.
void for_members(ReconnectingConnection& link, const std::string& set, std::string_view pattern,
                 const LookAt& look);

/// Hands over the fields of a hash in the same way, as long as `look` returns true.
void for_fields(ReconnectingConnection& link, const std::string& hash,
                const std::function<bool(std::span<const std::string>)>& look);

/// Hands over the names of keys that begin with `prefix`, those of other types included; of the
/// whole server, a few hundred at a time.
void for_keys(ReconnectingConnection& link, const std::string& prefix, const LookAt& look);

}  // namespace wq::internal
