// wq-faults: runs rounds of faults. fault_report makes tables of what it writes with --report.
#include <chrono>
#include <csignal>
#include <cstdint>
#include <exception>
#include <fstream>
#include <iostream>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>

#include <boost/program_options.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/prctl.h>

#include "fault/injector.h"
#include "fault/plan.h"
#include "fault/round.h"

namespace wq::fault {
namespace {

namespace po = boost::program_options;
using Clock = std::chrono::steady_clock;

struct Options {
  std::uint64_t seed = 0;
  std::uint64_t rounds = 0;
  std::uint64_t faults = 0;
  int seconds = 0;
  std::string report;
};

struct Totals {
  Tally tally;
  std::uint64_t rounds = 0;
  std::uint64_t items = 0;
  std::uint64_t processes = 0;
};

// Nothing if the help was asked for.
std::optional<Options> parse(int argc, char** argv) {
  Options options;
  po::options_description text(
      "wq-faults: proves or refutes docs/guarantees.md. Ends with the "
      "first of these limits");
  text.add_options()("help,h", "this text")("seed", po::value(&options.seed),
                                            "of the first round; the next has the next number "
                                            "[default: a new one]")(
      "rounds", po::value(&options.rounds), "end after so many rounds")(
      "faults", po::value(&options.faults), "end when so many faults were injected")(
      "seconds", po::value(&options.seconds), "end after so long")(
      "report", po::value(&options.report), "write what was injected to this file, as JSON");
  po::variables_map values;
  po::store(po::parse_command_line(argc, argv, text), values);
  po::notify(values);
  if (values.contains("help")) {
    std::cout << text;
    return std::nullopt;
  }
  if (!values.contains("seed")) options.seed = std::random_device()() % 1'000'000 * 1'000;
  if (options.rounds + options.faults == 0 && options.seconds == 0) options.rounds = 1;
  return options;
}

void write_report(const std::string& file, const Totals& totals) {
  nlohmann::json places = nlohmann::json::array();
  for (const auto& [place, n] : totals.tally.counts()) {
    const auto& [fault, command, point] = place;
    places.push_back(
        {{"fault", name_of(fault)}, {"command", command}, {"point", name_of(point)}, {"times", n}});
  }
  std::ofstream out(file);
  out << nlohmann::json{{"faults", totals.tally.total()},
                        {"rounds", totals.rounds},
                        {"items", totals.items},
                        {"processes", totals.processes},
                        {"places", places}}
             .dump(2)
      << '\n';
  if (!out.flush()) throw std::runtime_error("cannot write " + file);
}

bool play(std::uint64_t seed, Totals& totals) {
  const Plan plan = Plan::from_seed(seed);
  std::cout << plan.text() << " ... " << std::flush;
  const RoundReport report = run_round(plan);
  ++totals.rounds;
  totals.items += plan.items.size();
  totals.processes += report.processes;
  totals.tally.add(report.tally);
  if (report.violations.empty()) {
    std::cout << fmt::format("ok, {} faults\n", report.tally.total());
    return true;
  }
  std::cout << "VIOLATED\n" << report.history;
  for (const std::string& each : report.violations) std::cout << "violated: " << each << '\n';
  std::cout << fmt::format("again: wq-faults --seed {}\n", seed);
  return false;
}

int run(const Options& options) {
  Totals totals;
  const auto end = Clock::now() + std::chrono::seconds{options.seconds};
  const auto enough = [&] {
    return (options.rounds > 0 && totals.rounds >= options.rounds) ||
           (options.faults > 0 && totals.tally.total() >= options.faults) ||
           (options.seconds > 0 && Clock::now() >= end);
  };
  bool good = true;
  for (std::uint64_t seed = options.seed; good && !enough(); ++seed) good = play(seed, totals);
  std::cout << fmt::format("{} faults in {} rounds with {} items and {} processes: {}\n",
                           totals.tally.total(), totals.rounds, totals.items, totals.processes,
                           good ? "nothing lost, nothing twice, nothing left behind" : "VIOLATED");
  if (!options.report.empty()) write_report(options.report, totals);
  return good ? 0 : 1;
}

}  // namespace
}  // namespace wq::fault

int main(int argc, char** argv) {
  try {
    ::signal(SIGPIPE, SIG_IGN);
    // An orphan becomes a child of this process, which sees it.
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    const auto options = wq::fault::parse(argc, argv);
    return options ? wq::fault::run(*options) : 0;
  } catch (const std::exception& error) {
    std::cerr << "wq-faults: " << error.what() << '\n';
    return 2;
  }
}
