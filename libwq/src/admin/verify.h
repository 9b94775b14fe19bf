#pragma once

#include <wq/admin.h>

#include "admin/admin_connection.h"

namespace wq::internal {

/// See `Admin::verify` and `Admin::repair`.
VerifyReport verify(AdminConnection& session, bool repair);

}  // namespace wq::internal
