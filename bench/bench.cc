#include "bench/bench.h"

#include <algorithm>

#include <fmt/format.h>

#include <wq/producer.h>

#include "bench/item_maker.h"

namespace wq::bench {

void check(bool is_so, std::string_view what) {
  if (!is_so) throw WrongResult(std::string(what));
}

void check_equal(std::uint64_t is, std::uint64_t should, std::string_view what) {
  if (is != should) throw WrongResult(fmt::format("{}: {} instead of {}", what, is, should));
}

Bench::Bench(double scale, unsigned rounds)
    : scale_(scale), rounds_(rounds), client_(server_.options()), queue_(kQueue, redis()) {}

std::uint64_t Bench::items(std::uint64_t full) const {
  const auto thousands = static_cast<std::uint64_t>(static_cast<double>(full) * scale_ / 1'000);
  return std::max<std::uint64_t>(thousands, 1) * 1'000;
}

std::uint64_t Bench::scaled(std::uint64_t full, std::uint64_t least) const {
  return std::max(static_cast<std::uint64_t>(static_cast<double>(full) * scale_), least);
}

std::chrono::milliseconds Bench::time(std::chrono::milliseconds full,
                                      std::chrono::milliseconds shortest) const {
  return std::max(std::chrono::duration_cast<std::chrono::milliseconds>(full * scale_), shortest);
}

void Bench::clear() { client_.call({"FLUSHALL", "SYNC"}); }

void Bench::fill(std::uint64_t n, char mark) const {
  Producer producer(kQueue, redis());
  ItemMaker maker(mark);
  for (std::uint64_t i = 0; i < n; ++i) producer.push(maker.next());
  check_equal(producer.finish().pushed, n, "items pushed to begin with");
}

Counts Bench::counts() { return queue_.counts(); }

void Bench::check_all_done_once(std::uint64_t n) {
  const Counts now = counts();
  check_equal(now.pushed, n, "items pushed");
  check_equal(now.leased, n, "items leased");
  check_equal(now.completed, n, "items completed");
  check_equal(now.dead, 0, "dead letters");
  check(now.drained(), "the queue is not drained");
}

std::uint64_t Bench::info(std::string_view section, std::string_view field) {
  return std::stoull(info_text(section, field));
}

std::string Bench::info_text(std::string_view section, std::string_view field) {
  const std::string text = client_.text({"INFO", section}).value();
  const std::size_t at = text.find(fmt::format("\n{}:", field));
  check(at != std::string::npos, fmt::format("INFO {} has no {}", section, field));
  return text.substr(at + field.size() + 2);
}

double Bench::cpu_seconds() {
  return std::stod(info_text("cpu", "used_cpu_user")) + std::stod(info_text("cpu", "used_cpu_sys"));
}

std::string Bench::redis_version() { return queue_.server().version; }

}  // namespace wq::bench
