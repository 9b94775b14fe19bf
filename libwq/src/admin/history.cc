#include "admin/history.h"

#include <algorithm>

#include "script/script.h"

namespace wq::internal {

Histories read_histories(ReconnectingConnection& link, const Keys& keys,
                         const std::set<std::string>& hashes) {
  Histories histories;
  in_chunks(hashes, [&](const auto& chunk) {
    link.run([&](Connection& redis) {
      CommandBuffer ask;
      for (const Key key : kHistoryKeys) {
        ask.begin(2 + chunk.size());
        ask.arg("HMGET");
        ask.arg(keys[key]);
        for (const auto& hash : chunk) ask.arg(*hash);
      }
      redis.send(ask);
      for (const auto& hash : chunk) histories[*hash].clear();
      for (std::size_t k = 0; k < kHistoryKeys.size(); ++k) {
        const Reply reply = redis.receive();
        const Value values = reply.checked().value();
        for (std::size_t i = 0; i < chunk.size(); ++i) {
          histories[*chunk[i]].emplace_back(values[i].is_nil() ? "" : values[i].text());
        }
      }
      return true;
    });
  });
  std::erase_if(histories, [](const auto& each) {
    return std::all_of(each.second.begin(), each.second.end(),
                       [](const std::string& value) { return value.empty(); });
  });
  return histories;
}

std::uint64_t forget(ReconnectingConnection& link, const Keys& keys, const Histories& histories) {
  std::uint64_t forgotten = 0;
  in_chunks(histories, [&](const auto& chunk) {
    CommandBuffer call;
    begin_call(call, scripts::forget, keys, chunk.size(), kHistoryKeys.size() * chunk.size());
    for (const auto& each : chunk) call.arg(keys.lease_prefix(), each->first);
    for (const auto& each : chunk) {
      for (const std::string& value : each->second) call.arg(value);
    }
    forgotten += link.run([&](Connection& redis) {
      return static_cast<std::uint64_t>(run_script(redis, scripts::forget, call).value().integer());
    });
  });
  return forgotten;
}

}  // namespace wq::internal
