#pragma once

#include <wq/admin.h>

#include "pure/keys.h"
#include "redis/link.h"

namespace wq::internal {

/// See `Admin::purge`.
PurgeReport purge(Link& link, const Keys& keys);

}  // namespace wq::internal
