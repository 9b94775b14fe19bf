#include <fmt/format.h>

#include <wq/producer.h>

#include "bench/bare_push.h"
#include "bench/groups.h"
#include "bench/item_maker.h"
#include "support/paths.h"
#include "support/process.h"
#include "support/temporary_folder.h"

namespace wq::bench {
namespace {

constexpr Goal kGoal{Goal::Kind::ratio_at_least, 0.8};

double push_with_library(Bench& bench, std::uint64_t n) {
  const StopWatch watch;
  Producer producer(kQueue, bench.redis());
  ItemMaker maker;
  for (std::uint64_t i = 0; i < n; ++i) producer.push(maker.next());
  static_cast<void>(producer.finish());
  return static_cast<double>(n) / watch.seconds();
}

double push_with_program(const Bench& bench, std::uint64_t n, const std::string& file) {
  const StopWatch watch;
  test::Process push({test::kPushProgram, "--redis", bench.url(), kQueue, "--file", file});
  const int code = push.wait();
  const double seconds = watch.seconds();
  check(code == 0, "wq-push failed: " + push.err());
  return static_cast<double>(n) / seconds;
}

void check_pushed(Bench& bench, std::uint64_t n) {
  const Counts counts = bench.counts();
  check_equal(counts.pushed, n, "items pushed");
  check_equal(counts.ready, n, "items ready");
  check_equal(counts.producers, 0, "producers left");
}

}  // namespace

std::vector<Result> measure_push(Bench& bench) {
  const std::uint64_t n = bench.items(2'000'000);
  const test::TemporaryFolder folder;
  const std::string file = folder.path() / "items";
  write_items(file, n);

  const auto figures =
      interleave(bench.rounds(), {
                                     [&] {
                                       bench.clear();
                                       return bare_push(bench, n);
                                     },
                                     [&] {
                                       bench.clear();
                                       const double rate = push_with_library(bench, n);
                                       check_pushed(bench, n);
                                       return rate;
                                     },
                                     [&] {
                                       bench.clear();
                                       const double rate = push_with_program(bench, n, file);
                                       check_pushed(bench, n);
                                       return rate;
                                     },
                                 });
  bench.clear();
  constexpr const char* kBaseline = "variadic LPUSH, 1,000 a call, bare hiredis";
  return {
      {"a", fmt::format("push {} items through wq::Producer", n), "items/s", figures[1], kBaseline,
       figures[0], kGoal, ""},
      {"a", fmt::format("push {} lines of a file with wq-push", n), "items/s", figures[2],
       kBaseline, figures[0], kGoal,
       "with the start of the process and the reading of the file; the baseline has its items in "
       "memory"},
  };
}

}  // namespace wq::bench
