#pragma once

#include <cstdint>

/// The protocol as a model that can be searched: what is searched, and how far.
namespace wq::test::search {

/// The rules of the protocol that matter, each of which can be broken. As they stand here they are
/// those of docs/protocol.md and of the scripts.
struct Rules {
  // settle.lua
  bool settle_checks_lease = true;    ///< only with a lease that is byte for byte ours
  bool settle_checks_removal = true;  ///< only if a copy was removed from processing
  bool settle_deletes_lease = true;   ///< when it accepts
  bool lost_settle_cleans_up = true;  ///< a lease of ours without an item is removed
  bool merged_is_counted = true;      ///< equal items that meet in a sorted set
  bool resent_settle_is_safe = true;  ///< broken: what was sent again skips both checks
  // Follow-ups that are pushed once
  bool once_key_decides = true;     ///< what has a key that was seen is not pushed
  bool key_comes_with_push = true;  ///< broken: a lost settlement notes the key, too
  // The lease
  bool lease_is_set_if_absent = true;   ///< SET ... NX
  bool resent_lease_is_renewed = true;  ///< broken: the second SET alone decides
  bool resent_nil_is_not_ours = true;   ///< broken: nil to the second SET is taken for ours
  bool late_lease_is_not_asked = true;  ///< no SET past half the grace period
  bool renew_never_sets = true;
  bool renew_checks_holder = true;
  bool fences_never_repeat = true;  ///< attach raises the fence after a restart, or the first draw
  // The reclaimer
  bool reclaims = true;             ///< rule (a) exists
  bool requeues = true;             ///< rule (b) exists
  bool reclaim_looks_again = true;  ///< broken: it trusts its list
  bool reclaim_checks_removal = true;
  bool reclaim_deletes_lease = true;
  bool reclaim_spares_unexpired = true;  ///< broken: any lease with a fence is taken
  bool requeue_looks_again = true;
  bool requeue_checks_removal = true;
  bool requeue_waits = true;  ///< three passes and the grace period
  bool promote_checks_removal = true;
  bool burial_needs_the_mark = true;  ///< only the crash of a lease with the mark can be the last
  // The mark of a lease, which says that its worker holds nothing else
  bool mark_waits_for_the_others = true;    ///< until the worker's other slots are idle
  bool marked_worker_takes_no_more = true;  ///< from the request for the mark on
  bool mark_needs_the_holder = true;        ///< broken: the mark is set whosever the lease is
  bool mark_needs_a_lease_in_force = true;  ///< broken: also on a lease that ended
  bool resent_mark_is_ours = true;          ///< broken: a mark that is there is taken for a loss
  bool crossing_renewal_is_no_loss = true;  ///< broken: one without the mark ends the work
};

/// How many reclaimers there are, and what they remember.
enum class Reclaimers : std::uint8_t {
  one,  ///< looks in passes and forgets an item that it sees leased or gone
  any,  ///< any number: what one of them ever saw without a lease may be handed back at any time
};

/// What there is and what may happen; leases run out and grace periods pass as often as they like.
struct Bounds {
  std::uint8_t copies[2] = {1, 0};  ///< of the items X and Y, pushed before it begins
  std::uint8_t workers = 2;
  std::uint8_t slots = 1;  ///< what a worker works on at a time, 1 or 2
  Reclaimers reclaimers = Reclaimers::one;
  bool redis_wq = false;       ///< a RedisWQ client takes part
  bool once = false;           ///< completions push an equal item, all with the same key
  bool only_complete = false;  ///< no outcome but completion
  bool short_leases = false;   ///< shorter than half the grace period

  // What is demanded beyond what must hold always.
  bool true_charges = true;       ///< a crash is charged only where a lease ran out that was wanted
  bool single_acceptance = true;  ///< a settlement is accepted once, however often it is sent
  bool accepted_work = false;     ///< work under a lease in force is accepted
  bool growing_fences = false;    ///< of an item that was pushed once, from lease to lease

  // How often each of these may happen.
  std::uint8_t kills = 0;   ///< of a worker, with all its slots; it begins anew at once
  std::uint8_t breaks = 0;  ///< connections that break under a request or its answer
  std::uint8_t late = 0;    ///< requests that are carried out later, by a slow or an old connection
  std::uint8_t evictions = 0;   ///< leases deleted by Redis or a person
  std::uint8_t rollbacks = 0;   ///< restarts of Redis at an earlier state
  std::uint8_t operations = 0;  ///< a dead item is pushed again, or an item in processing removed
  std::uint8_t redis_wq_kills = 0;
  std::uint8_t follow_ups = 0;  ///< completions that push an equal item
  /// Leases that get the mark. Without any, isolation is left out: every lease can be buried, and
  /// what else its worker held does not matter.
  std::uint8_t marks = 0;
};

}  // namespace wq::test::search
