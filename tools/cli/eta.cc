#include "cli/eta.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "cli/units.h"

namespace wq::cli {

namespace {

constexpr std::size_t kMostPoints = 1'024;
constexpr Seconds kRecent{10};
// The shortest observation for an estimate.
constexpr Seconds kShortestSpan{10};
constexpr double kFewestFinished = 8;
// The past that is looked at is not made shorter than this.
constexpr Seconds kShortestPast{30};
constexpr double kEnoughInPast = 16;
// How many standard deviations of what is by chance a range covers.
constexpr double kDeviations = 1.5;
// The additional relative error of the model.
constexpr double kDoubt = 0.05;
// A range whose ends are further apart says less than none.
constexpr double kWidestRange = 10;
// The limits of silence: this time, and this multiple of the usual interval between two items.
constexpr Seconds kSilence{60};
constexpr double kSilenceInItems = 10;

/// How many left the queue between two samples. If dead letters were retried, it is at least
/// the number of completions. RedisWQ clients do not count completions: then it is the number of
/// pushed items that are not in the lists.
double finished_between(const Counts& before, const Counts& now) {
  const double gone = static_cast<double>(gone_from(now)) - static_cast<double>(gone_from(before));
  const double completed =
      static_cast<double>(now.completed) - static_cast<double>(before.completed);
  const double missing = static_cast<double>(now.pushed) - static_cast<double>(before.pushed) -
                         (static_cast<double>(left_in(now)) - static_cast<double>(left_in(before)));
  return std::max({gone, completed, now.foreign > 0 ? missing : 0.0, 0.0});
}

}  // namespace

std::uint64_t left_in(const Counts& counts) {
  return counts.ready + counts.processing + counts.delayed;
}

// Dead letters as they are now, not as they were counted: dropping them is not progress, and an
// item that joins an equal one among them is counted once, as merged.
std::uint64_t gone_from(const Counts& counts) {
  return counts.completed + counts.dead + counts.dropped + counts.merged + counts.lost;
}

void EtaHistory::add(TimePoint at, const Counts& counts, const InFlight& in_flight) {
  if (points_.empty()) {
    points_.push_back({at, 0});
    last_finish_ = at;
  } else {
    const double more = finished_between(last_, counts);
    if (more > 0) {
      last_finish_ = at;
      slowest_finished_ = slowest_;
    }
    points_.push_back({at, points_.back().finished + more});
  }
  last_ = counts;
  in_flight_ = in_flight;
  slowest_ = std::max(slowest_, in_flight.oldest.value_or(Seconds{0}));
  recent_.push_back(points_.back());
  while (recent_.size() > 2 && at - recent_[1].at >= kRecent) recent_.pop_front();
  if (points_.size() < kMostPoints) return;
  std::vector<Point> half;
  for (std::size_t i = 0; i < points_.size(); i += 2) half.push_back(points_[i]);
  if (points_.size() % 2 == 0) half.push_back(points_.back());
  points_ = std::move(half);
}

/// Between two samples as if they had been finished evenly.
double EtaHistory::finished_since(Seconds ago) const {
  const double all = points_.back().finished;
  const auto is_earlier = [this](const Point& point, Seconds when) {
    return points_.back().at - point.at > when;
  };
  const auto after = std::lower_bound(points_.begin(), points_.end(), ago, is_earlier);
  if (after == points_.begin()) return all;
  const Point& before = *(after - 1);
  const Seconds gap = after->at - before.at;
  const Seconds part = points_.back().at - before.at - ago;
  return all - before.finished - (after->finished - before.finished) * (part / gap);
}

double EtaHistory::rate_over(Seconds window) const {
  // A queue without progress counts as about to finish its first item.
  return std::max(finished_since(window), 0.5) / window.count();
}

/// How far back to look: to know the next ten minutes, what was yesterday says nothing.
Seconds EtaHistory::relevant_past(double left) const {
  Seconds past = points_.back().at - points_.front().at;
  while (true) {
    const Seconds half = past / 2;
    const Seconds takes{left / rate_over(half)};
    if (half < std::max(kShortestPast, takes) || finished_since(half) < kEnoughInPast) return past;
    past = half;
  }
}

/// The variance of how many are finished in a part of the window, in proportion to their mean: 1
/// for what comes by chance, one by one; more for bursts and for a rate that changes.
double EtaHistory::irregularity(Seconds window) const {
  constexpr int kParts = 12;
  std::array<double, kParts> parts{};
  double later = 0;
  for (int i = 0; i < kParts; ++i) {
    const double since = finished_since(window * (i + 1) / kParts);
    parts.at(static_cast<std::size_t>(i)) = since - later;
    later = since;
  }
  const double mean = later / kParts;
  if (mean <= 0) return 1;
  double squares = 0;
  for (const double part : parts) squares += (part - mean) * (part - mean);
  return std::max(1.0, squares / (kParts - 1) / mean);
}

std::optional<Seconds> EtaHistory::silence() const {
  if (last_.paused || left_in(last_) == 0) return std::nullopt;
  const Seconds gap = points_.back().at - last_finish_;
  const Seconds seen = last_finish_ - points_.front().at;
  const double finished = points_.back().finished;
  // The duration of the first item is unknown.
  if (finished == 0 && in_flight_.oldest) return std::nullopt;
  Seconds usual = finished > 0 ? seen / finished : Seconds{0};
  // Items that took an hour before will take an hour again, however short the watch.
  if (last_.processing > 0) {
    usual = std::max(usual, slowest_finished_ / static_cast<double>(last_.processing));
  }
  if (gap < std::max(kSilence, kSilenceInItems * usual)) return std::nullopt;
  return gap;
}

void EtaHistory::find_range(Eta& eta) const {
  const auto left = static_cast<double>(left_in(last_));
  const Seconds span = points_.back().at - points_.front().at;
  if (left == 0 || last_.paused || eta.silent) return;
  if (span < kShortestSpan || points_.back().finished < kFewestFinished) return;

  const Seconds past = relevant_past(left);
  const double irregular = irregularity(past);
  Seconds least{std::numeric_limits<double>::max()};
  Seconds most{0};
  for (const Seconds window : {past, past / 2, past / 4}) {
    const double expected = rate_over(past) * window.count();
    if (window != past && expected < kFewestFinished) break;
    const double error =
        kDoubt + kDeviations * std::sqrt(irregular / std::max(expected, 1.0) + irregular / left);
    // A changing rate keeps changing, or stays as it is now.
    const Seconds takes{left / rate_over(window)};
    const double change = rate_over(past) / rate_over(window);
    least = std::min(least, takes * std::min(1.0, change) * std::exp(-error));
    most = std::max(most, takes * std::max(1.0, change) * std::exp(error));
  }
  if (most > kWidestRange * least) return;

  // By Little's law an item takes what is in flight, divided by the rate. All of them may be about
  // to end; or the last to be leased takes as long as the slowest that was seen, and what was
  // delayed is delayed once more.
  const Seconds item{static_cast<double>(last_.processing) / rate_over(past)};
  const Seconds due = in_flight_.last_due.value_or(Seconds{0});
  least = std::max({least - item, due, Seconds{0}});
  most = std::max(most + std::max(item, slowest_) + due, least + item);
  eta.least = least;
  if (last_.producers == 0) eta.most = most;
}

Eta EtaHistory::eta() const {
  Eta eta;
  if (points_.size() < 2) return eta;
  eta.span = points_.back().at - points_.front().at;
  if (eta.span <= Seconds{0}) return eta;
  eta.rate = points_.back().finished / eta.span.count();
  const Seconds recently = recent_.back().at - recent_.front().at;
  if (recently > Seconds{0}) {
    eta.rate_now = (recent_.back().finished - recent_.front().finished) / recently.count();
  }
  eta.silent = silence();
  find_range(eta);
  return eta;
}

std::string rate_text(double rate) {
  if (rate == 0) return "0/s";
  if (rate < 0.995 / 60) return fmt::format("{:.1f}/h", rate * 3'600);
  if (rate < 0.995) return fmt::format("{:.1f}/min", rate * 60);
  return rate < 99.5 ? fmt::format("{:.1f}/s", rate) : fmt::format("{:.0f}/s", rate);
}

namespace {

/// Two units, since the estimate is not more exact.
Seconds step_of(Seconds time) {
  const double s = time.count();
  if (s < 20) return Seconds{1};
  if (s < 120) return Seconds{5};
  if (s < 1'200) return Seconds{30};
  if (s < 3 * 3'600) return Seconds{300};
  return s < 48 * 3'600 ? Seconds{1'800} : Seconds{4 * 3'600};
}

Seconds rounded_down(Seconds time) {
  return std::floor(time / step_of(time) + 1e-9) * step_of(time);
}
Seconds rounded_up(Seconds time) { return std::ceil(time / step_of(time) - 1e-9) * step_of(time); }

/// `1m30s`, `45s`, and `2m`, not `2m00s`: the zeros would say that it is so exact.
std::string rough_text(Seconds time) {
  const auto s = static_cast<std::int64_t>(std::llround(time.count()));
  if (s >= 60 && s < 3'600 && s % 60 == 0) return fmt::format("{}m", s / 60);
  if (s >= 3'600 && s < 86'400 && s % 3'600 == 0) return fmt::format("{}h", s / 3'600);
  return age_text(s == 0 ? std::chrono::seconds{0} : std::chrono::seconds{s});
}

}  // namespace

std::string left_text(const Eta& eta) {
  if (!eta.least) return "";
  const Seconds least = rounded_down(*eta.least);
  if (!eta.most) {
    return least > Seconds{0} ? fmt::format("at least {} left", rough_text(least)) : "";
  }
  const Seconds most = std::max(rounded_up(*eta.most), Seconds{1});
  if (least <= Seconds{0}) return fmt::format("up to {} left", rough_text(most));
  if (least == most) return fmt::format("{} left", rough_text(most));
  return fmt::format("{} to {} left", rough_text(least), rough_text(most));
}

}  // namespace wq::cli
