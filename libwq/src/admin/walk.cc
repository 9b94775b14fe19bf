#include "admin/walk.h"

#include <algorithm>
#include <vector>

#include "pure/glob.h"

namespace wq::internal {
namespace {

constexpr std::size_t kChunkBytes = std::size_t{1} << 20U;
constexpr std::size_t kFirstChunk = 8;
constexpr std::size_t kLargestChunk = 1'000;
constexpr std::size_t kScanCount = 500;

std::vector<std::string> texts(Value array) {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < array.size(); ++i) all.emplace_back(array[i].text());
  return all;
}

}  // namespace

void for_chunks(Link& link, const std::string& list,
                const std::function<void(std::span<const std::string>)>& look) {
  std::size_t chunk = kFirstChunk;
  for (std::size_t seen = 0;;) {
    Pipeline read;
    read.command({"LRANGE", list, std::to_string(-static_cast<std::int64_t>(seen + chunk)),
                  std::to_string(-static_cast<std::int64_t>(seen) - 1)});
    const std::vector<std::string> items =
        link.run([&](Connection& redis) { return texts(redis.call(read).value()); });
    if (!items.empty()) look(items);
    if (items.size() < chunk) return;
    seen += items.size();
    std::size_t bytes = items.size();
    for (const std::string& item : items) bytes += item.size();
    chunk = std::clamp(kChunkBytes * items.size() / bytes, std::size_t{1}, kLargestChunk);
  }
}

void for_keys(Link& link, const std::string& prefix,
              const std::function<void(std::span<const std::string>)>& look) {
  const std::string pattern = literal_glob(prefix) + "*";
  std::string cursor = "0";
  do {
    Pipeline scan;
    scan.command({"SCAN", cursor, "MATCH", pattern, "COUNT", std::to_string(kScanCount)});
    std::vector<std::string> keys;
    cursor = link.run([&](Connection& redis) {
      const Reply reply = redis.call(scan);
      keys = texts(reply.value()[1]);
      return std::string(reply.value()[0].text());
    });
    if (!keys.empty()) look(keys);
  } while (cursor != "0");
}

}  // namespace wq::internal
