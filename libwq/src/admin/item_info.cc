#include "admin/item_info.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <limits>
#include <string>

#include <nlohmann/json.hpp>

#include "queue/operations.h"

namespace wq::internal {
namespace {

using Json = nlohmann::json;
using std::chrono::milliseconds;

// So far from any time that nobody can add up two of them to more than there is.
constexpr double kLatest = 1e15;

void read(const Json& json, const char* name, std::string& value) {
  const auto member = json.find(name);
  if (member != json.end() && member->is_string()) value = member->get<std::string>();
}

template <typename Number>
void read(const Json& json, const char* name, std::optional<Number>& value) {
  const auto member = json.find(name);
  if (member != json.end() && member->is_number_integer()) value = member->get<Number>();
}

void read(const Json& json, const char* name, std::optional<milliseconds>& value) {
  std::optional<std::int64_t> ms;
  read(json, name, ms);
  if (ms) value = milliseconds{std::max<std::int64_t>(0, *ms)};
}

}  // namespace

void read_failure(std::string_view text, ItemInfo& item) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return;
  Failure& failure = item.failure.emplace();
  std::string kind;
  read(json, "kind", kind);
  if (!kind.empty()) failure.kind = failure_kind(kind);
  read(json, "message", failure.message);
  read(json, "exit_code", failure.exit_code);
  read(json, "signal", failure.signal);
  read(json, "max_rss_bytes", failure.max_rss_bytes);
  read(json, "cpu_ms", failure.cpu_time);
  read(json, "wall_ms", failure.wall_time);
  read(json, "stdout_tail", failure.stdout_tail);
  read(json, "stderr_tail", failure.stderr_tail);
  read(json, "worker", failure.worker);
  read(json, "host", failure.host);
  // For a worker without a heartbeat, the reclaimer records only its session.
  if (failure.worker.empty()) read(json, "holder", failure.worker);
  const auto at = json.find("at_ms");
  if (at != json.end() && at->is_number()) {
    const double ms = std::clamp(at->get<double>(), 0.0, kLatest);
    item.failed_at = ServerTime{milliseconds{static_cast<std::int64_t>(ms)}};
  }
}

void read_lease(std::string_view holder, std::int64_t pttl_ms, ItemInfo& item) {
  const std::size_t mark = holder.find('#');
  item.holder = holder.substr(0, mark);
  const bool foreign = mark == std::string_view::npos;
  if (!foreign) {
    // Behind the fence there may be the mark of an item that is alone with its worker.
    item.fence = read_number(holder.substr(mark + 1, holder.find('!', mark) - mark - 1));
  }
  // The key of one of our leases outlives it.
  item.left = pttl_ms == -1 ? milliseconds::max()
                            : milliseconds{pttl_ms} - (foreign ? milliseconds{0} : kLeaseTail);
}

ServerTime read_score(std::string_view score) {
  const double ms = std::strtod(std::string(score).c_str(), nullptr);
  return ServerTime{milliseconds{static_cast<std::int64_t>(ms > 0 ? std::min(ms, kLatest) : 0)}};
}

std::uint64_t read_number(std::string_view text, std::uint64_t otherwise) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() ? number : otherwise;
}

}  // namespace wq::internal
