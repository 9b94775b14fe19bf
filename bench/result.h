#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace wq::bench {

/// What a result should reach.
struct Goal {
  enum class Kind {
    ratio_at_least,  ///< ours divided by the baseline
    ratio_at_most,
    ours_at_most,
    ours_at_least,
  };
  Kind kind;
  double value;
};

/// One line of the table: wq beside a baseline in the same rounds.
struct Result {
  std::string group;                  ///< the letter it is chosen by
  std::string name;                   ///< what was measured
  std::string unit;                   ///< of both
  std::vector<double> ours;           ///< one for each round
  std::string baseline_name = {};     ///< empty: there is none
  std::vector<double> baseline = {};  ///< one for each round
  std::optional<Goal> goal = {};
  std::string note = {};  ///< what one must know to read it

  /// The median of the ratios of the rounds: a machine whose speed swings does so for both. None
  /// without a baseline.
  [[nodiscard]] std::optional<double> ratio() const;
  /// None without a goal.
  [[nodiscard]] std::optional<bool> reached() const;
};

/// Of an odd number of values the one in the middle, else the mean of the two.
[[nodiscard]] double median(std::vector<double> values);

/// Something that is measured in every round, and its figure.
using Measurement = std::function<double()>;

/// Runs all of them one after the other, `rounds` times over (A B A B ...), so that what else the
/// machine does meets all alike. Returns one list of figures for each.
[[nodiscard]] std::vector<std::vector<double>> interleave(
    unsigned rounds, const std::vector<Measurement>& measurements);

}  // namespace wq::bench
