#include <algorithm>
#include <charconv>
#include <cstdio>
#include <new>
#include <stdexcept>
#include <string_view>
#include <vector>

#include <fmt/format.h>

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

constexpr std::string_view kUsage = R"(usage: wq-search [push] [NAME=NUMBER]... [without=RULE]...

Searches every state of the queue protocol that the bounds allow, and prints how many there are or a
shortest way to a violation. With "push", the replay sessions of a producer.

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

// One of the two searches: what its arguments are called.
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
           {"doubt-is-reported", &r.doubt_is_reported}},
          {},
          {{"pushes", &b.pushes},
           {"breaks", &b.breaks},
           {"late", &b.late},
           {"forgotten", &b.forgotten},
           {"rollbacks", &b.rollbacks}}};
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

int run(std::vector<std::string_view> arguments) {
  Rules rules;
  Bounds bounds;
  bool any_reclaimers = false;
  PushRules push_rules;
  PushBounds push_bounds;
  const Search protocol = names_of(rules, bounds, any_reclaimers);
  const Search push = names_of(push_rules, push_bounds);
  if (!arguments.empty() && arguments[0] == "--help") {
    fmt::print("{}Rules:\n{}Rules of \"push\":\n{}", kUsage, rule_names(protocol),
               rule_names(push));
    return kClean;
  }
  const bool searches_push = !arguments.empty() && arguments[0] == "push";
  if (searches_push) arguments.erase(arguments.begin());
  std::size_t largest = kLargest;
  for (const std::string_view argument : arguments) {
    if (!apply(searches_push ? push : protocol, argument, largest)) {
      return refuse(fmt::format("'{}' is no bound and no rule", argument));
    }
  }
  if (searches_push) {
    if (push_bounds.pushes > kPushes) return refuse(fmt::format("at most {} pushes", kPushes));
    return report(search_push(push_rules, push_bounds, largest));
  }
  if (bounds.workers * bounds.slots > static_cast<int>(kSlots)) {
    return refuse(fmt::format("workers times slots is at most {}", kSlots));
  }
  bounds.reclaimers = any_reclaimers ? Reclaimers::any : Reclaimers::one;
  return report(search_protocol(rules, bounds, largest));
}

}  // namespace
}  // namespace wq::test::search

int main(int argc, char** argv) {
  using namespace wq::test::search;
  try {
    return run({argv + 1, argv + argc});
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "wq-search: out of memory; choose smaller bounds\n");
    return kGivenUp;
  } catch (const std::length_error& error) {
    return refuse(error.what());
  }
}
