#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "model/search/explorer.h"
#include "model/search/rules.h"
#include "model/search/state.h"
#include "model/search/steps.h"

namespace wq::test::search {

/// Workers, reclaimers and a RedisWQ client at one queue, for `Explorer`.
class ProtocolModel {
 public:
  using Code = search::Code;

  ProtocolModel(const Rules& rules, const Bounds& bounds) : rules_(rules), bounds_(bounds) {}

  [[nodiscard]] Code first() const { return encode(first_state(bounds_)); }

  template <typename Visit>
  void expand(const Code& code, Visit visit) const {
    for (const Successor& each : successors(code)) {
      const Violation violation = check(each.state, bounds_);
      visit(encode(each.state),
            violation == Violation::none ? std::string_view{} : name(violation));
    }
  }

  [[nodiscard]] bool is_end(const Code& code) const { return is_drained(decode(code)); }

  [[nodiscard]] std::string describe(const Code& from, std::size_t step) const {
    return search::describe(successors(from).at(step).step);
  }
  [[nodiscard]] std::string show(const Code& code) const {
    return search::show(decode(code), bounds_);
  }

 private:
  [[nodiscard]] const std::vector<Successor>& successors(const Code& code) const {
    successors_.clear();
    const State state = decode(code);
    Steps(state, rules_, bounds_, successors_).all();
    return successors_;
  }

  const Rules rules_;
  const Bounds bounds_;
  mutable std::vector<Successor> successors_;  // kept for its memory
};

/// Searches all that `bounds` allow. `largest`: states after which it gives up.
[[nodiscard]] Findings search_protocol(const Rules& rules, const Bounds& bounds,
                                       std::size_t largest);

}  // namespace wq::test::search
