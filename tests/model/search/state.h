#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "model/search/rules.h"

namespace wq::test::search {

inline constexpr std::size_t kItems = 2;
inline constexpr std::size_t kSlots = 4;
inline constexpr std::size_t kLateRequests = 2;

/// A fence. Only the order of fences matters, so they are numbered anew in every state.
using Fence = std::uint8_t;
inline constexpr Fence kNoFence = 0;

/// Who holds a lease.
enum class Holder : std::uint8_t { nobody, ours, redis_wq };

/// What Redis holds of one item (of all its equal copies), and what only we know of it.
struct Item {
  std::uint8_t pushed = 0;
  std::uint8_t ready = 0;
  std::uint8_t processing = 0;
  std::uint8_t delayed = 0;    // 0 or 1: a sorted set
  std::uint8_t dead = 0;       // 0 or 1
  std::uint8_t completed = 0;  // by us
  std::uint8_t dropped = 0;    // by an operator
  std::uint8_t merged = 0;
  std::uint8_t elsewhere = 0;  // completed by a RedisWQ client, which counts nothing

  Holder holder = Holder::nobody;
  Fence fence = kNoFence;  // of the lease; the session belongs to the fence
  bool over = false;       // the lease ended; its key is there for the tail
  bool marked = false;     // it says that its worker holds nothing else
  bool key_seen = false;   // that of its follow-up
  // Only we know:
  bool pushes_once = false;      // it has a follow-up with a key
  std::uint8_t pushed_once = 0;  // how often that was pushed
  Fence newest = kNoFence;       // the last fence under which it was leased
  bool chargeable = false;  // whoever asked for the lease has not given it up of its own accord
  bool in_company = false;  // its worker held something else when it died, or when the lease ended
};

enum class Phase : std::uint8_t {
  idle,
  popped,      // the lease was not asked for, or the answer is not known
  confirming,  // the lease was asked for again; the renewal behind it is under way
  running,
  marking,    // the mark was asked for; the answer is not known
  unsettled,  // a settlement was sent; its answer is not known
};

enum class Outcome : std::uint8_t { complete, to_ready, to_delayed, to_dead };
inline constexpr std::size_t kOutcomes = 4;

/// What a worker works on.
struct Slot {
  Phase phase = Phase::idle;
  std::uint8_t item = 0;
  Fence fence = kNoFence;
  Outcome outcome = Outcome::complete;  // when unsettled
  bool resent = false;    // popped: a connection broke under the request for the lease
  bool taken = false;     // confirming: what the second SET said
  bool too_late = false;  // popped: half the grace period has passed
  bool slow = false;      // popped: the request for the lease is on its way
  bool watched = false;   // popped: a reclaimer has seen the item without a lease since
  bool marked = false;    // running or unsettled: it has the mark, and names it in its requests
  // Only we know:
  bool in_force = false;  // running, marking or unsettled: the lease has held ever since
  bool accepted = false;  // unsettled: by a request whose answer was lost
};

/// A request in the buffers of a connection that is slow or broken.
struct LateRequest {
  enum class Kind : std::uint8_t { none, lease, settle, renew, mark };
  Kind kind = Kind::none;
  std::uint8_t item = 0;
  Fence fence = kNoFence;
  Outcome outcome = Outcome::complete;
  bool marked = false;    // settle, renew: the lease that it names has the mark
  bool accepted = false;  // settle: sent again, and accepted then

  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 finds a 0 in what the compiler writes
  auto operator<=>(const LateRequest&) const = default;
};

/// What the reclaimers remember of an item without a lease. Of the passes that see it so we count
/// three that are half the grace period apart.
struct Watch {
  static constexpr std::uint8_t kListed = 3;
  std::uint8_t looks = 0;  // passes in a row; kListed: it is about to be handed back
  bool waited = false;     // half the grace period has passed since the last
  bool overdue = false;    // its lease was seen to be over, or it was seen to be due
};

/// A client of the Python example.
struct RedisWq {
  enum class Phase : std::uint8_t { idle, popped, running, removed };
  Phase phase = Phase::idle;
  std::uint8_t item = 0;
};

/// How often each fault may still happen.
struct Budget {
  std::uint8_t kills = 0;
  std::uint8_t breaks = 0;
  std::uint8_t late = 0;
  std::uint8_t evictions = 0;
  std::uint8_t rollbacks = 0;
  std::uint8_t operations = 0;
  std::uint8_t redis_wq_kills = 0;
  std::uint8_t follow_ups = 0;
  std::uint8_t marks = 0;
};

/// What must never happen.
enum class Violation : std::uint8_t {
  none,
  lost,               // fewer copies than were pushed
  duplicated,         // more copies than were pushed
  two_commits,        // more completions than copies
  accepted_twice,     // one settlement
  superseded,         // a commit under a fence that is not the last one
  taken,              // an item from under a lease in force, as if it had none
  false_charge,       // a crash charged to an item whose lease nobody was told of
  buried_in_company,  // for a crash of a worker that held something else
  two_running,        // at once, under leases in force
  refused,            // work under a lease in force (strict)
  fence_went_back,    // from lease to lease of an item
  pushed_again,       // a follow-up with a key that was seen
  never_pushed,       // its key was seen, but it was not
};
[[nodiscard]] std::string_view name(Violation violation);

struct State {
  std::array<Item, kItems> items;
  bool has_saved = false;
  std::array<Item, kItems> saved;  // what a restart of Redis would find
  std::array<Slot, kSlots> slots;
  std::array<LateRequest, kLateRequests> late;
  std::array<Watch, kItems> watch;
  RedisWq redis_wq;
  Fence counter = kNoFence;  // the last fence drawn; only where fences may repeat
  Fence saved_counter = kNoFence;
  Budget budget;
  Violation violation = Violation::none;  // of the step that led here; not a part of the code
};

/// A state in as few bits as we can, to be stored and compared.
using Code = std::array<std::uint64_t, 5>;

/// Numbers the fences anew in their order, so that states that differ in nothing else are one.
/// Not where fences may repeat: there their distances matter.
void renumber_fences(State& state);

/// Throws `std::length_error` if a number is too large for its bits: the bounds are too large.
[[nodiscard]] Code encode(const State& state);
[[nodiscard]] State decode(const Code& code);

}  // namespace wq::test::search
