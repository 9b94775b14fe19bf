#pragma once

#include <optional>

#include <wq/admin.h>

#include "pure/keys.h"
#include "redis/link.h"

namespace wq::internal {

/// See `Admin::purge`.
PurgeReport purge(Link& link, const Keys& keys);

/// See `Admin::purge_unless_in_use`.
[[nodiscard]] std::optional<PurgeReport> purge_unless_in_use(Link& link, const Keys& keys,
                                                             InUse& in_use);

}  // namespace wq::internal
