#pragma once

#include <chrono>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include <wq/clock.h>
#include <wq/queue.h>

namespace wq::cli {

using Seconds = std::chrono::duration<double>;

/// The estimate from recent counts of a queue.
struct Eta {
  // Finished is what left the queue for good: completed, dead, dropped, merged or lost.
  double rate_now = 0;  ///< finished per second over the last ten
  double rate = 0;      ///< finished per second since the first sample
  Seconds span{0};      ///< since the first sample

  /// The time left. Both: a range. Only `least`: more items will come (a producer is pushing), or
  /// the duration of the last items is unknown. Neither: it is too early, or the rate too
  /// irregular, for an estimate.
  std::optional<Seconds> least;
  std::optional<Seconds> most;

  /// No item was finished for this time, which is longer than the history suggests. Nothing while
  /// the first item is running: its duration is unknown.
  std::optional<Seconds> silent;
};

/// Further facts about items in flight.
struct InFlight {
  std::optional<Seconds> oldest;    ///< the age of the oldest lease
  std::optional<Seconds> last_due;  ///< until the last delayed item is due
};

/// Watches the counts of one queue and estimates its rate and the time left.
///
/// The range comes from how fast the queue was over stretches of the past that are about as long as
/// what is left, the last quarter of them among these, so that one that slows down or speeds up has
/// a wider range; from how irregular it was; and from how long items take, since the last ones are
/// still running when nothing is left to be leased. A retried item counts when it is finished, so
/// retries lower the rate and do not falsify it.
///
/// Keeps a bounded number of samples, however long it is used. Pure; not thread-safe.
class EtaHistory {
 public:
  /// Times must not go back.
  void add(TimePoint at, const Counts& counts, const InFlight& in_flight = {});

  /// As of the last sample. Nothing was added: everything is empty.
  [[nodiscard]] Eta eta() const;

 private:
  struct Point {
    TimePoint at;
    double finished;  // since the first sample
  };

  [[nodiscard]] double finished_since(Seconds ago) const;
  [[nodiscard]] double rate_over(Seconds window) const;
  [[nodiscard]] Seconds relevant_past(double left) const;
  [[nodiscard]] double irregularity(Seconds window) const;
  [[nodiscard]] std::optional<Seconds> silence() const;
  void find_range(Eta& eta) const;

  std::vector<Point> points_;  // the oldest first; thinned out when they are many
  std::deque<Point> recent_;   // those of the last ten seconds, and one before
  TimePoint last_finish_;
  Counts last_;
  InFlight in_flight_;
  Seconds slowest_{0};           // the greatest age of a lease
  Seconds slowest_finished_{0};  // the same up to the last finish
};

/// The items that are not done yet, and those that left the queue for good.
[[nodiscard]] std::uint64_t left_in(const Counts& counts);
[[nodiscard]] std::uint64_t gone_from(const Counts& counts);

/// Such as `58s to 1m20s left`; empty if there is nothing to say. Rounded as coarsely as the number
/// allows, away from the middle.
[[nodiscard]] std::string left_text(const Eta& eta);

/// A rate per second as text, such as `3.2/s`, `12.0/min` or `4.5/h`.
[[nodiscard]] std::string rate_text(double rate);

}  // namespace wq::cli
