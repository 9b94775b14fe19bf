#include <algorithm>
#include <charconv>
#include <cstdio>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "model/search/checkpoint_model.h"
#include "model/search/protocol_model.h"
#include "model/search/push_model.h"

// Searches the protocol within the bounds that the arguments name. A tool for people; the tests
// search fixed bounds.

namespace wq::test::search {
namespace {

constexpr std::size_t kLargest = 20'000'000;
constexpr unsigned kLargestBound = 7;

constexpr int kClean = 0;
constexpr int kFound = 1;
constexpr int kUsageError = 2;
constexpr int kGivenUp = 3;

constexpr std::string_view kUsage =
    R"(usage: wq-search [push|checkpoints] [NAME=NUMBER]... [without=RULE]...

Searches every state of the queue protocol that the bounds allow, and prints how many there are or a
shortest way to a violation. With "push", the replay sessions of a producer; with "checkpoints", those
of one item.

  x, y             copies of the items X and Y (1, 0)
  workers, slots   workers, and what each works on at a time (2, 1)
  any-reclaimers   1: any number of reclaimers that forget nothing; 0: one that works in passes (0)
  redis-wq         1: a RedisWQ client takes part (0)
  once             1: completions push an equal item, all with the same once-key (0)
  only-complete    1: no outcome but completion (0)
  short-leases     1: leases may be shorter than half the grace period (0)
  true-charges     0: a crash may be charged where no lease ran out that was wanted (1)
  single-acceptance
                   0: a settlement that is sent twice may be accepted twice (1)
  accepted-work    1: work under a lease in force must be accepted (0)
  growing-fences   1: the fences of an item that was pushed once must grow (0)
  kills, breaks, late, evictions, rollbacks, operations, redis-wq-kills, follow-ups
                   how often each of these may happen (0); a kill ends a worker with all its slots
  marks            how many leases may get the mark of an item that is alone with its worker (0: the
                   reclaimer may bury any item)

With "push":
  pushes           how many there are (3)
  breaks, late, forgotten, rollbacks
                   how often each of these may happen (0)
  outlived         confirmed pushes that the producer remembers no longer (0)
  counts-lost      1: a worker may count what a rollback took as lost (0)
  exact-lost       1: in the end, nothing may be counted as lost (0)

With "checkpoints":
  copies           of the item, 1 or 2 (1)
  workers, made    workers, and the checkpoints of an attempt, each 1 or 2 (2, 2)
  late             requests that may be under way on old connections, up to 2 (0)
  late-leases      1: the requests for leases may be among them (0)
  completes        0: workers only fail or release (1)
  operators        1: items are dropped and retried (0)
  purges           1: the queue is purged (0)
  refilled-at-once 1: it is filled again before the purge has ended (0)
  attempts         leases that are asked for; 0: any number (0)
  given            0: an attempt may begin without the checkpoint of an equal item (1)

  largest          the number of states after which to give up (20000000)
  without          a rule of the protocol that is left out

Exits with 0 if it is clean, 1 if there is a violation, 2 for a mistake in the arguments, 3 if it
gave up or ran out of memory.

)";

template <typename Value>
struct Named {
  std::string_view name;
  Value* value;
};

template <typename Value>
bool assign(const std::vector<Named<Value>>& all, std::string_view name, unsigned value) {
  const auto found = std::find_if(all.begin(), all.end(),
                                  [name](const Named<Value>& each) { return each.name == name; });
  if (found == all.end()) return false;
  *found->value = static_cast<Value>(value);
  return true;
}

// One of the searches: what its arguments are called.
struct Search {
  std::vector<Named<bool>> rules;
  std::vector<Named<bool>> switches;
  std::vector<Named<std::uint8_t>> numbers;
};

Search names_of(Rules& r, Bounds& b, bool& any_reclaimers) {
  return {{{"settle-checks-lease", &r.settle_checks_lease},
           {"settle-checks-removal", &r.settle_checks_removal},
           {"settle-deletes-lease", &r.settle_deletes_lease},
           {"lost-settle-cleans-up", &r.lost_settle_cleans_up},
           {"merged-is-counted", &r.merged_is_counted},
           {"resent-settle-is-safe", &r.resent_settle_is_safe},
           {"once-key-decides", &r.once_key_decides},
           {"key-comes-with-push", &r.key_comes_with_push},
           {"lease-is-set-if-absent", &r.lease_is_set_if_absent},
           {"resent-lease-is-renewed", &r.resent_lease_is_renewed},
           {"resent-nil-is-not-ours", &r.resent_nil_is_not_ours},
           {"late-lease-is-not-asked", &r.late_lease_is_not_asked},
           {"renew-never-sets", &r.renew_never_sets},
           {"renew-checks-holder", &r.renew_checks_holder},
           {"fences-never-repeat", &r.fences_never_repeat},
           {"reclaims", &r.reclaims},
           {"requeues", &r.requeues},
           {"reclaim-looks-again", &r.reclaim_looks_again},
           {"reclaim-checks-removal", &r.reclaim_checks_removal},
           {"reclaim-deletes-lease", &r.reclaim_deletes_lease},
           {"reclaim-spares-unexpired", &r.reclaim_spares_unexpired},
           {"requeue-looks-again", &r.requeue_looks_again},
           {"requeue-checks-removal", &r.requeue_checks_removal},
           {"requeue-waits", &r.requeue_waits},
           {"promote-checks-removal", &r.promote_checks_removal},
           {"burial-needs-the-mark", &r.burial_needs_the_mark},
           {"mark-waits-for-the-others", &r.mark_waits_for_the_others},
           {"marked-worker-takes-no-more", &r.marked_worker_takes_no_more},
           {"mark-needs-the-holder", &r.mark_needs_the_holder},
           {"mark-needs-a-lease-in-force", &r.mark_needs_a_lease_in_force},
           {"resent-mark-is-ours", &r.resent_mark_is_ours},
           {"crossing-renewal-is-no-loss", &r.crossing_renewal_is_no_loss}},
          {{"any-reclaimers", &any_reclaimers},
           {"redis-wq", &b.redis_wq},
           {"once", &b.once},
           {"only-complete", &b.only_complete},
           {"short-leases", &b.short_leases},
           {"true-charges", &b.true_charges},
           {"single-acceptance", &b.single_acceptance},
           {"accepted-work", &b.accepted_work},
           {"growing-fences", &b.growing_fences}},
          {{"x", &b.copies[0]},
           {"y", &b.copies[1]},
           {"workers", &b.workers},
           {"slots", &b.slots},
           {"kills", &b.kills},
           {"breaks", &b.breaks},
           {"late", &b.late},
           {"evictions", &b.evictions},
           {"rollbacks", &b.rollbacks},
           {"operations", &b.operations},
           {"redis-wq-kills", &b.redis_wq_kills},
           {"follow-ups", &b.follow_ups},
           {"marks", &b.marks}}};
}

Search names_of(PushRules& r, PushBounds& b) {
  return {{{"answers-are-kept", &r.answers_are_kept},
           {"floor-is-kept", &r.floor_is_kept},
           {"floor-is-what-is-known", &r.floor_is_what_is_known},
           {"session-must-exist", &r.session_must_exist},
           {"open-keeps-the-session", &r.open_keeps_the_session},
           {"doubt-is-reported", &r.doubt_is_reported},
           {"push-names-the-one-before", &r.push_names_the_one_before},
           {"answered-falls", &r.answered_falls},
           {"answered-is-heard-here", &r.answered_is_heard_here},
           {"resent-name-the-last", &r.resent_name_the_last},
           {"gone-is-not-evicted", &r.gone_is_not_evicted},
           {"touch-needs-the-session", &r.touch_needs_the_session},
           {"close-follows-a-touch", &r.close_follows_a_touch},
           {"lost-close-is-checked", &r.lost_close_is_checked},
           {"each-close-is-checked", &r.each_close_is_checked},
           {"executed-counts-once", &r.executed_counts_once},
           {"lost-is-not-pushed", &r.lost_is_not_pushed},
           {"open-spares-the-evicted", &r.open_spares_the_evicted}},
          {{"counts-lost", &b.counts_lost}, {"exact-lost", &b.exact_lost}},
          {{"pushes", &b.pushes},
           {"breaks", &b.breaks},
           {"late", &b.late},
           {"forgotten", &b.forgotten},
           {"rollbacks", &b.rollbacks},
           {"outlived", &b.outlived}}};
}

Search names_of(CheckpointRules& r, CheckpointBounds& b) {
  return {{{"save-needs-the-lease", &r.save_needs_the_lease},
           {"save-needs-the-queue", &r.save_needs_the_queue},
           {"later-number-stays", &r.later_number_stays},
           {"each-lease-counts-anew", &r.each_lease_counts_anew},
           {"keep-needs-the-lease", &r.keep_needs_the_lease},
           {"keep-is-the-last", &r.keep_is_the_last},
           {"completion-removes", &r.completion_removes},
           {"newer-one-stays-unsent", &r.newer_one_stays_unsent},
           {"settlement-keeps", &r.settlement_keeps},
           {"pop-tells", &r.pop_tells},
           {"drop-removes", &r.drop_removes},
           {"drop-spares-a-leased-one", &r.drop_spares_a_leased_one},
           {"purge-removes", &r.purge_removes}},
          {{"late-leases", &b.late_leases},
           {"completes", &b.completes},
           {"operators", &b.operators},
           {"purges", &b.purges},
           {"refilled-at-once", &b.refilled_at_once},
           {"given", &b.given}},
          {{"copies", &b.copies},
           {"workers", &b.workers},
           {"made", &b.made},
           {"late", &b.late},
           {"attempts", &b.attempts}}};
}

std::string rule_names(const Search& search) {
  std::string text;
  for (const Named<bool>& rule : search.rules) text += fmt::format("  {}\n", rule.name);
  return text;
}

// False if the argument is none of the search.
bool apply(const Search& search, std::string_view argument, std::size_t& largest) {
  const std::size_t equals = argument.find('=');
  if (equals == std::string_view::npos) return false;
  const std::string_view name = argument.substr(0, equals);
  const std::string_view text = argument.substr(equals + 1);
  if (name == "without") return assign(search.rules, text, 0);
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return false;
  if (name == "largest") {
    largest = value;
    return true;
  }
  return (value <= kLargestBound && assign(search.numbers, name, value)) ||
         (value <= 1 && assign(search.switches, name, value));
}

int report(const Findings& findings) {
  fmt::print("{}", text(findings));
  switch (findings.kind) {
    case Findings::Kind::clean:
      return kClean;
    case Findings::Kind::too_large:
      return kGivenUp;
    default:
      return kFound;
  }
}

int refuse(std::string_view what) {
  fmt::print(stderr, "wq-search: {}; see wq-search --help\n", what);
  return kUsageError;
}

// The number of states after which to give up. Throws `std::invalid_argument`.
std::size_t read(const Search& search, std::span<const std::string_view> arguments) {
  std::size_t largest = kLargest;
  for (const std::string_view argument : arguments) {
    if (!apply(search, argument, largest)) {
      throw std::invalid_argument(fmt::format("'{}' is no bound and no rule", argument));
    }
  }
  return largest;
}

int run_protocol(std::span<const std::string_view> arguments) {
  Rules rules;
  Bounds bounds;
  bool any_reclaimers = false;
  const std::size_t largest = read(names_of(rules, bounds, any_reclaimers), arguments);
  if (bounds.workers * bounds.slots > static_cast<int>(kSlots)) {
    return refuse(fmt::format("workers times slots is at most {}", kSlots));
  }
  bounds.reclaimers = any_reclaimers ? Reclaimers::any : Reclaimers::one;
  return report(search_protocol(rules, bounds, largest));
}

int run_push(std::span<const std::string_view> arguments) {
  PushRules rules;
  PushBounds bounds;
  const std::size_t largest = read(names_of(rules, bounds), arguments);
  if (bounds.pushes > kPushes) return refuse(fmt::format("at most {} pushes", kPushes));
  return report(search_push(rules, bounds, largest));
}

int run_checkpoints(std::span<const std::string_view> arguments) {
  CheckpointRules rules;
  CheckpointBounds bounds;
  const std::size_t largest = read(names_of(rules, bounds), arguments);
  const bool fits = bounds.copies <= 2 && bounds.workers <= kCheckpointWorkers &&
                    bounds.made <= kCheckpointsMade && bounds.late <= kCheckpointsLate;
  if (!fits) return refuse("copies, workers, made and late are at most 2");
  if (bounds.copies > 1 && bounds.late_leases) return refuse("late-leases is for one copy");
  return report(search_checkpoints(rules, bounds, largest));
}

void print_help() {
  Rules rules;
  Bounds bounds;
  bool any_reclaimers = false;
  PushRules push_rules;
  PushBounds push_bounds;
  CheckpointRules checkpoint_rules;
  CheckpointBounds checkpoint_bounds;
  fmt::print("{}Rules:\n{}Rules of \"push\":\n{}Rules of \"checkpoints\":\n{}", kUsage,
             rule_names(names_of(rules, bounds, any_reclaimers)),
             rule_names(names_of(push_rules, push_bounds)),
             rule_names(names_of(checkpoint_rules, checkpoint_bounds)));
}

int run(std::span<const std::string_view> arguments) {
  const std::string_view first = arguments.empty() ? "" : arguments.front();
  if (first == "--help") {
    print_help();
    return kClean;
  }
  if (first == "push") return run_push(arguments.subspan(1));
  if (first == "checkpoints") return run_checkpoints(arguments.subspan(1));
  return run_protocol(arguments);
}

}  // namespace
}  // namespace wq::test::search

int main(int argc, char** argv) {
  using namespace wq::test::search;
  try {
    return run(std::vector<std::string_view>(argv + 1, argv + argc));
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "wq-search: out of memory; choose smaller bounds\n");
    return kGivenUp;
  } catch (const std::logic_error& error) {  // an argument, or a bound that is too large
    return refuse(error.what());
  }
}
