#include "cli/nearest.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace wq::cli {

namespace {

/// Insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b`.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::swap(before_last, last);
    std::swap(last, row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t cost = a[i - 1] == b[j - 1] ? 0 : 1;
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + cost});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);
      }
    }
  }
  return row[b.size()];
}

std::size_t distance_of(std::string_view word, std::string_view candidate) {
  const bool begun = word.size() >= 3 && candidate.starts_with(word);
  return begun ? 1 : edit_distance(word, candidate);
}

}  // namespace

std::optional<std::string> nearest(std::string_view word,
                                   const std::vector<std::string>& candidates) {
  std::optional<std::string> best;
  std::size_t best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    const std::size_t distance = distance_of(word, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

std::vector<std::string> nearest_first(std::string_view word, std::vector<std::string> candidates,
                                       std::size_t most) {
  std::vector<std::pair<std::size_t, std::string>> order;
  for (std::string& each : candidates) order.emplace_back(distance_of(word, each), std::move(each));
  const std::size_t n = std::min(most, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(n), order.end());
  candidates.clear();
  for (std::size_t i = 0; i < n; ++i) candidates.push_back(std::move(order[i].second));
  return candidates;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates,
                         std::string_view prefix) {
  const auto found = nearest(word, candidates);
  if (!found) return "";
  return ", did you mean '" + std::string(prefix) + *found + "'?";
}

}  // namespace wq::cli
