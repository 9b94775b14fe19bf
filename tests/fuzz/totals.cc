// Lines of totals as anybody writes them: read or refused in one line, and reduced without a loss.

#include "base/totals.h"

#include <cmath>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include <wq/total.h>

#include "fuzz/fuzz.h"

namespace wq::fuzz {
namespace {

/// The verbs as the script adds them, read back.
KeyTotals through_redis(const Total& total) {
  internal::TotalsReader reader;
  for (const auto& verb : internal::reduce(std::vector{total}).verbs) {
    reader.add(verb.operand, verb.more);
  }
  const auto rows = reader.take();
  require(rows.size() == 1 && rows[0].key == total.key, "a total is under its key");
  return rows[0];
}

void look(const Total& total) {
  if (total.how == Reduction::distinct) return;
  const KeyTotals row = through_redis(total);
  if (total.how == Reduction::count) return require(row.count == "1", "one line counts once");
  const double number = std::strtod(total.number.c_str(), nullptr);
  if (total.how == Reduction::sum) {
    require(std::abs(std::strtod(row.sum.c_str(), nullptr) - number) <=
                1e-9 * std::max(1.0, std::abs(number)),
            "a sum of one is the number, to nine places");
    return;
  }
  const std::string& text = total.how == Reduction::min ? row.min : row.max;
  require(std::strtod(text.c_str(), nullptr) == number,
          "the least and the greatest of one is the number");
}

void run(std::string_view input) {
  Bytes bytes(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
  const auto how = static_cast<Reduction>(bytes.byte() % 5U);
  std::vector<Total> totals;
  const auto why = refusal([&] { totals = read_totals(bytes.rest(), how); });
  if (why) {
    require(is_one_line(*why) && why->starts_with("line "), "a refusal says where and what");
    return;
  }
  for (const Total& each : totals) look(each);
  const auto reduced = internal::reduce(totals);
  require(!reduced.wrong || totals.size() > kMostTotals ||
              reduced.wrong->find("10^18") != std::string::npos,
          "what reads well is too much together at most");
}

}  // namespace
}  // namespace wq::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  wq::fuzz::run({reinterpret_cast<const char*>(data), size});
  return 0;
}
