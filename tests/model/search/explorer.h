#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace wq::test::search {

/// States that a search of a test may have: some seconds.
inline constexpr std::size_t kLargestTest = 3'000'000;

/// What a search found.
struct Findings {
  enum class Kind { clean, violation, stranded, too_large };
  Kind kind = Kind::clean;
  std::string violation;           ///< its name
  std::vector<std::string> trace;  ///< a shortest way there, one line a step
  std::size_t states = 0;
  std::size_t steps = 0;
};

/// The trace as lines to be printed, or the number of states of a clean search.
[[nodiscard]] std::string text(const Findings& findings);

/// A set of codes of equal length that numbers them in the order in which they came.
template <typename Code>
class CodeSet {
 public:
  static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

  CodeSet() : table_(std::size_t{1} << 12U, kNone) {}

  /// The number of the code, and whether it is new.
  std::pair<std::uint32_t, bool> insert(const Code& code) {
    if (2 * (codes_.size() + 1) > table_.size()) grow();
    const std::size_t at = find(code);
    if (table_[at] != kNone) return {table_[at], false};
    table_[at] = static_cast<std::uint32_t>(codes_.size());
    codes_.push_back(code);
    return {table_[at], true};
  }

  [[nodiscard]] const Code& operator[](std::size_t i) const { return codes_[i]; }
  [[nodiscard]] std::size_t size() const noexcept { return codes_.size(); }

 private:
  // Each word is mixed as in SplitMix64 (Steele, Lea, Flood 2014).
  [[nodiscard]] static std::size_t hash(const Code& code) {
    std::uint64_t sum = 0;
    for (const std::uint64_t word : code) {
      sum += word + 0x9e3779b97f4a7c15U;
      sum = (sum ^ (sum >> 30U)) * 0xbf58476d1ce4e5b9U;
      sum = (sum ^ (sum >> 27U)) * 0x94d049bb133111ebU;
      sum ^= sum >> 31U;
    }
    return sum;
  }

  // Where it stands, or where it belongs.
  [[nodiscard]] std::size_t find(const Code& code) const {
    std::size_t at = hash(code) & (table_.size() - 1);
    while (table_[at] != kNone && codes_[table_[at]] != code) at = (at + 1) & (table_.size() - 1);
    return at;
  }

  void grow() {
    table_.assign(2 * table_.size(), kNone);
    for (std::uint32_t i = 0; i < codes_.size(); ++i) table_[find(codes_[i])] = i;
  }

  std::vector<Code> codes_;
  std::vector<std::uint32_t> table_;  // open addressing; its size is a power of two
};

/// Looks at every state that a model can come to, nearest first, so that the way to what it finds
/// is as short as any. A model has
///
///   using Code = std::array<std::uint64_t, N>;    a state, to be stored
///   Code first() const;
///   void expand(const Code&, Visit visit) const;  visit(code, violation) for every successor, in
///                                                 the same order each time; violation: its name
///   bool is_end(const Code&) const;               one that must stay within reach of every state
///   std::string describe(const Code& from, std::size_t step) const;   the step-th successor
///   std::string show(const Code&) const;
template <typename Model>
class Explorer {
 public:
  using Code = typename Model::Code;

  /// `largest`: the number of states after which it gives up.
  Explorer(const Model& model, std::size_t largest) : model_(model), largest_(largest) {}

  Findings run() {
    Findings findings;
    add(model_.first(), 0);
    for (std::uint32_t at = 0; at < seen_.size() && findings.violation.empty(); ++at) {
      first_edge_.push_back(edges_.size());
      std::size_t step = 0;
      const Code code = seen_[at];  // the set moves its elements as it grows
      model_.expand(code, [&](const Code& next, std::string_view violation) {
        edges_.push_back(add(next, at));
        if (findings.violation.empty() && !violation.empty()) {
          findings.kind = Findings::Kind::violation;
          findings.violation = violation;
          findings.trace = trace_to(at);
          findings.trace.push_back(line(code, step, next));
        }
        ++step;
      });
      if (seen_.size() > largest_) {
        findings.kind = Findings::Kind::too_large;
        break;
      }
    }
    findings.states = seen_.size();
    findings.steps = edges_.size();
    if (findings.kind == Findings::Kind::clean) find_stranded(findings);
    return findings;
  }

 private:
  std::uint32_t add(const Code& code, std::uint32_t from) {
    const auto [number, is_new] = seen_.insert(code);
    if (is_new) from_.push_back(from);
    return number;
  }

  // From the ends backwards; what is not met cannot reach one.
  void find_stranded(Findings& findings) const {
    const std::size_t n = seen_.size();
    std::vector<std::size_t> begin(n + 1, 0);
    for (const std::uint32_t to : edges_) ++begin[to + 1];
    for (std::size_t i = 0; i < n; ++i) begin[i + 1] += begin[i];
    std::vector<std::uint32_t> predecessors(edges_.size());
    std::vector<std::size_t> next(begin.begin(), begin.end() - 1);
    for (std::uint32_t at = 0; at < n; ++at) {
      const std::size_t end = at + 1 < n ? first_edge_[at + 1] : edges_.size();
      for (std::size_t e = first_edge_[at]; e < end; ++e) predecessors[next[edges_[e]]++] = at;
    }
    std::vector<bool> reaches(n, false);
    std::vector<std::uint32_t> open;
    for (std::uint32_t at = 0; at < n; ++at) {
      if (!model_.is_end(seen_[at])) continue;
      reaches[at] = true;
      open.push_back(at);
    }
    while (!open.empty()) {
      const std::uint32_t at = open.back();
      open.pop_back();
      for (std::size_t p = begin[at]; p < begin[at + 1]; ++p) {
        if (reaches[predecessors[p]]) continue;
        reaches[predecessors[p]] = true;
        open.push_back(predecessors[p]);
      }
    }
    const auto stranded = std::find(reaches.begin(), reaches.end(), false);
    if (stranded == reaches.end()) return;
    findings.kind = Findings::Kind::stranded;
    findings.violation = "stranded: from here the end cannot be reached";
    findings.trace = trace_to(static_cast<std::uint32_t>(stranded - reaches.begin()));
  }

  std::vector<std::string> trace_to(std::uint32_t at) const {
    std::vector<std::string> lines;
    for (; at != 0; at = from_[at]) {
      const Code& before = seen_[from_[at]];
      std::size_t step = 0;
      std::size_t taken = 0;
      bool found = false;
      model_.expand(before, [&](const Code& next, std::string_view) {
        if (!found && next == seen_[at]) {
          found = true;
          taken = step;
        }
        ++step;
      });
      lines.push_back(line(before, taken, seen_[at]));
    }
    std::reverse(lines.begin(), lines.end());
    return lines;
  }

  std::string line(const Code& from, std::size_t step, const Code& to) const {
    return model_.describe(from, step) + "\n        " + model_.show(to);
  }

  const Model& model_;
  const std::size_t largest_;
  CodeSet<Code> seen_;
  std::vector<std::uint32_t> from_;      // the state from which each was first reached
  std::vector<std::uint32_t> edges_;     // successors, those of one state after those of another
  std::vector<std::size_t> first_edge_;  // of each state
};

}  // namespace wq::test::search
