#pragma once

#include <wq/admin.h>

#include "admin/admin_session.h"

namespace wq::internal {

/// See `Admin::verify` and `Admin::repair`.
VerifyReport verify(AdminSession& session, bool repair);

}  // namespace wq::internal
