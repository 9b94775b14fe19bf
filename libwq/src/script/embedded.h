#pragma once

#include <string_view>

namespace wq::internal {

/// A script as it stands in libwq/scripts, put into the library at build time.
struct EmbeddedScript {
  std::string_view name;
  std::string_view sha1;  ///< by which Redis knows it
  std::string_view text;
};

namespace embedded {
extern const EmbeddedScript k_attach, k_claim, k_close, k_counts, k_drop, k_drop_ready,
    k_end_strays, k_find, k_forget, k_isolate, k_last_due, k_open, k_page, k_write_at_maxmemory,
    k_pop, k_promote, k_purge, k_purge_leases, k_push, k_reclaim, k_renew, k_requeue, k_retry,
    k_settle, k_sweep, k_touch;
}  // namespace embedded

}  // namespace wq::internal
