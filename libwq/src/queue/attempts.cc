#include "queue/attempts.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <utility>

#include <fmt/format.h>

#include "base/host_name.h"
#include "base/json_member.h"
#include "base/name_in.h"
#include "base/printable.h"

namespace wq::internal {
namespace {

using Json = nlohmann::json;
using std::chrono::milliseconds;

// Of all items of a call together, and of each at most; the same for stderr. A byte takes six at
// the worst, and the other fields less than 500, so that 1,000 attempts stay below 1 MiB.
constexpr std::size_t kItemBytes = 45'000;
constexpr std::size_t kStderrBytes = 25'000;
constexpr std::size_t kMostOfStderr = 4'096;
constexpr std::size_t kMostOfItem = 1'000;
constexpr std::size_t kMostOfWorker = 1'000;

std::string json_string(std::string_view text) {
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

bool is_utf8(std::string_view text) {
  try {
    static_cast<void>(Json(text).dump());
    return true;
  } catch (const Json::type_error&) {
    return false;
  }
}

// True if a check byte by byte suffices.
bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; });
}

void append_item(std::string& text, const Lease& lease, std::size_t most) {
  const std::string_view shown =
      lease.item.size() <= most
          ? std::string_view(lease.item)
          : std::string_view(lease.item).substr(0, whole_characters(lease.item, most));
  const bool plain = is_plain(shown);
  text += R"({"item":)";
  if (plain) {
    text.append(1, '"').append(shown).append(1, '"');
  } else {
    text += json_string(shown);
  }
  if (shown.size() < lease.item.size() || (!plain && !is_utf8(shown))) {
    fmt::format_to(std::back_inserter(text), R"(,"sha224":"{}")", wq::text(lease.hash));
  }
}

// The last lines that are whole and no more than this; of a longer one the end.
std::string_view last_lines(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  const std::string_view end = text.substr(text.size() - most);
  const std::size_t line = end.find('\n') + 1;
  return end.substr(line < end.size() ? line : 0);
}

void append_attempt(std::string& text, const Settlement& settlement, std::size_t n) {
  const auto& [lease, outcome] = settlement;
  const Usage& usage = outcome.usage;
  append_item(text, lease, std::min(kItemBytes / n, kMostOfItem));
  const auto add = [&text](std::string_view name, auto number) {
    fmt::format_to(std::back_inserter(text), R"(,"{}":{})", name, number);
  };
  add("fence", lease.fence);
  add("begun_ms", std::chrono::floor<milliseconds>(usage.begun->time_since_epoch()).count());
  // The usual is left out: 1, 0 and done.
  if (lease.attempt() != 1) add("attempt", lease.attempt());
  if (usage.slot != 0) add("slot", usage.slot);
  if (usage.wall_time.count() != 0) add("wall_ms", usage.wall_time.count());
  if (usage.cpu_time) add("cpu_ms", usage.cpu_time->count());
  if (usage.max_rss_bytes) add("max_rss_bytes", *usage.max_rss_bytes);
  const bool done = outcome.kind == Outcome::Kind::complete;
  if (!done) add("outcome", fmt::format(R"("{}")", name_in(kOutcomes, outcome.kind)));
  if (!done && outcome.kind != Outcome::Kind::release) {
    const Failure& failure = outcome.failure;
    add("kind", fmt::format(R"("{}")", wq::text(failure.kind)));
    if (failure.exit_code) add("exit_code", *failure.exit_code);
    if (failure.signal) add("signal", *failure.signal);
  }
  if (!usage.stderr_tail.empty()) {
    const std::size_t most = std::min(kStderrBytes / n, kMostOfStderr);
    add("stderr_tail", json_string(last_lines(usage.stderr_tail, most)));
  }
  text += '}';
}

// Far from any real time, and two of them can be added as nanoseconds too.
constexpr std::int64_t kLatestMs = 1'000'000'000'000'000;

milliseconds ms_in(const Json& json, const char* name) {
  return milliseconds{std::min(amount_in(json, name), kLatestMs)};
}

std::optional<Attempt> read_attempt(const Json& json) {
  if (!json.is_object() || !json.contains("fence")) return std::nullopt;
  const std::string outcome = string_in(json, "outcome").value_or("done");
  const auto* const found = std::find(kOutcomes.begin(), kOutcomes.end(), outcome);
  if (found == kOutcomes.end()) return std::nullopt;
  Attempt read;
  read.outcome = static_cast<Outcome::Kind>(found - kOutcomes.begin());
  read.item = string_in(json, "item").value_or("");
  read.sha224 = string_in(json, "sha224").value_or("");
  read.whole = read.sha224.empty();
  if (read.whole) read.sha224 = wq::text(hash_item(read.item));
  read.attempt = integer_in<std::uint32_t>(json, "attempt").value_or(1);
  read.fence = integer_in<std::uint64_t>(json, "fence").value_or(0);
  read.usage.slot = integer_in<unsigned>(json, "slot").value_or(0);
  read.usage.begun = std::chrono::system_clock::time_point{ms_in(json, "begun_ms")};
  read.usage.wall_time = ms_in(json, "wall_ms");
  if (json.contains("cpu_ms")) read.usage.cpu_time = ms_in(json, "cpu_ms");
  read.usage.max_rss_bytes = integer_in<std::uint64_t>(json, "max_rss_bytes");
  if (const auto kind = string_in(json, "kind")) read.kind = failure_kind(*kind);
  read.exit_code = integer_in<int>(json, "exit_code");
  read.signal = integer_in<int>(json, "signal");
  read.usage.stderr_tail = string_in(json, "stderr_tail").value_or("");
  return read;
}

std::vector<std::size_t> positions_in(std::string_view list) {
  std::vector<std::size_t> positions;
  for (const char* at = list.data(); at < list.data() + list.size(); ++at) {
    std::size_t position = 0;
    at = std::from_chars(at, list.data() + list.size(), position).ptr;
    positions.push_back(position);
  }
  return positions;
}

}  // namespace

RecordedAttempts record_attempts(std::span<const Settlement> settlements, std::string_view worker) {
  RecordedAttempts recorded;
  std::string attempts;
  for (const Settlement& each : settlements) {
    if (!attempts.empty()) attempts += ',';
    if (each.outcome.usage.begun) {
      append_attempt(attempts, each, settlements.size());
      ++recorded.begun;
    } else {
      attempts += "null";  // so that each has its position
    }
  }
  if (recorded.begun == 0) return recorded;
  recorded.text =
      fmt::format(R"({{"worker":{},"host":{},"tries":[{}]}})",
                  json_string(worker.substr(0, whole_characters(worker, kMostOfWorker))),
                  json_string(host_name()), attempts);
  return recorded;
}

std::vector<Attempt> read_recorded(std::string_view text, std::string_view lost) {
  std::vector<Attempt> attempts;
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return attempts;
  const std::string worker = string_in(json, "worker").value_or("");
  const std::string host = string_in(json, "host").value_or("");
  const auto list = json.find("tries");
  if (list == json.end() || !list->is_array()) return attempts;
  const std::vector<std::size_t> lost_ones = positions_in(lost);
  for (std::size_t i = 0; i < list->size(); ++i) {
    if (std::find(lost_ones.begin(), lost_ones.end(), i + 1) != lost_ones.end()) continue;
    std::optional<Attempt> read = read_attempt((*list)[i]);
    if (!read) continue;
    read->worker = worker;
    read->host = host;
    attempts.push_back(std::move(*read));
  }
  return attempts;
}

}  // namespace wq::internal
