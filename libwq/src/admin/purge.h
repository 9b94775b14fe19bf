#pragma once

#include <optional>

#include <wq/admin.h>

#include "base/keys.h"
#include "redis/reconnecting_connection.h"

namespace wq::internal {

/// See `Admin::purge`.
PurgeReport purge(ReconnectingConnection& link, const Keys& keys);

/// See `Admin::purge_unless_in_use`.
[[nodiscard]] std::optional<PurgeReport> purge_unless_in_use(ReconnectingConnection& link,
                                                             const Keys& keys, InUse& in_use);

}  // namespace wq::internal
