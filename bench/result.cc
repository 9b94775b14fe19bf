#include "bench/result.h"

#include <algorithm>
#include <stdexcept>

namespace wq::bench {

std::optional<double> Result::ratio() const {
  if (baseline.empty()) return std::nullopt;
  std::vector<double> ratios;
  for (std::size_t i = 0; i < ours.size(); ++i) ratios.push_back(ours[i] / baseline.at(i));
  return median(std::move(ratios));
}

std::optional<bool> Result::reached() const {
  if (!goal) return std::nullopt;
  if (goal->kind == Goal::Kind::ours_at_most) return median(ours) <= goal->value;
  if (goal->kind == Goal::Kind::ours_at_least) return median(ours) >= goal->value;
  if (goal->kind == Goal::Kind::ratio_at_most) return ratio().value() <= goal->value;
  return ratio().value() >= goal->value;
}

double median(std::vector<double> values) {
  if (values.empty()) throw std::logic_error("the median of nothing");
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

std::vector<std::vector<double>> interleave(unsigned rounds,
                                            const std::vector<Measurement>& measurements) {
  std::vector<std::vector<double>> figures(measurements.size());
  for (unsigned round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < measurements.size(); ++i) figures[i].push_back(measurements[i]());
  }
  return figures;
}

}  // namespace wq::bench
