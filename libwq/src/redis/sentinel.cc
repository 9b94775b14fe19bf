#include "redis/sentinel.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include <fmt/format.h>

#include <wq/error.h>

#include "base/whole_number.h"
#include "redis/connection.h"

namespace wq::internal {
namespace {

using std::chrono::milliseconds;

// One that is gone must not cost the others their turn.
constexpr milliseconds kLongestForOne{1'000};
constexpr milliseconds kShortestForOne{100};

// The members of the answer to SENTINEL MASTER: a name, its value, ...
std::int64_t epoch_of(const Value& members) {
  for (std::size_t i = 0; i + 1 < members.size(); i += 2) {
    if (members[i].text() == "config-epoch") {
      return whole_number<std::int64_t>(members[i + 1].text()).value_or(0);
    }
  }
  return 0;
}

}  // namespace

Connection connect_to_sentinel(const HostAndPort& sentinel, const Endpoint& set,
                               const RedisOptions& given, milliseconds longest) {
  RedisOptions options = given;
  Endpoint one;
  one.tls = set.tls;
  one.host = sentinel.host;
  one.port = sentinel.port;
  options.url = one.url_without_login();
  options.password.clear();
  options.password_file.clear();
  options.command_timeout = std::min(options.command_timeout, longest);
  if (set.user.empty() && set.password.empty()) return Connection(options, longest);
  try {
    return Connection::as_user(options, set.user, set.password, longest);
  } catch (const RefusedError&) {  // most sentinels have no users
    return Connection(options, longest);
  }
}

std::optional<NamedPrimary> ask_sentinel(Connection& sentinel, const std::string& name) {
  const auto [address, members] =
      sentinel.ask({{"SENTINEL", "GET-MASTER-ADDR-BY-NAME", name}, {"SENTINEL", "MASTER", name}});
  if (address.checked().value().is_nil()) return std::nullopt;
  NamedPrimary answer;
  answer.address.host = address.value()[0].text();
  answer.address.port = whole_number<int>(address.value()[1].text()).value_or(0);
  if (!members.value().is_error()) answer.epoch = epoch_of(members.value());
  return answer;
}

NamedPrimary ask_sentinels(const Endpoint& set, const RedisOptions& options, TimePoint deadline) {
  std::optional<NamedPrimary> best;
  std::string problems;
  bool one_refused = false;
  bool one_answered = false;
  for (const HostAndPort& each : set.sentinels) {
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - BootClock::now());
    const milliseconds longest = std::clamp(left, kShortestForOne, kLongestForOne);
    try {
      Connection sentinel = connect_to_sentinel(each, set, options, longest);
      const std::optional<NamedPrimary> answer = ask_sentinel(sentinel, set.primary);
      one_answered = true;
      if (answer && (!best || answer->epoch > best->epoch)) best = answer;
    } catch (const Error& error) {
      one_refused = one_refused || dynamic_cast<const RefusedError*>(&error) != nullptr;
      problems += fmt::format("{}{}", problems.empty() ? "" : "; ", error.what());
    }
  }
  if (!best && one_answered) {
    throw RefusedError(fmt::format(
        "ERR no sentinel knows a primary named '{}'; check the name in the URL", set.primary));
  }
  if (!best && one_refused) throw RefusedError(problems);
  if (!best) throw ConnectionError(fmt::format("no sentinel answers: {}", problems));
  return *best;
}

}  // namespace wq::internal
