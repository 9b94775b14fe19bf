#include "model/search/explorer.h"

#include <fmt/format.h>

#include "model/search/protocol_model.h"

namespace wq::test::search {

std::string text(const Findings& findings) {
  switch (findings.kind) {
    case Findings::Kind::clean:
      return fmt::format("clean: {} states, {} steps\n", findings.states, findings.steps);
    case Findings::Kind::too_large:
      return fmt::format("given up after {} states, nothing found so far\n", findings.states);
    case Findings::Kind::violation:
    case Findings::Kind::stranded:
      break;
  }
  std::string lines = fmt::format("{} (after {} states)\n", findings.violation, findings.states);
  for (std::size_t i = 0; i < findings.trace.size(); ++i) {
    lines += fmt::format("{:5}. {}\n", i + 1, findings.trace[i]);
  }
  return lines;
}

Findings search_protocol(const Rules& rules, const Bounds& bounds, std::size_t largest) {
  const ProtocolModel model(rules, bounds);
  return Explorer<ProtocolModel>(model, largest).run();
}

}  // namespace wq::test::search
