#include "base/keys.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

namespace wq::internal {
namespace {

constexpr std::string_view kLease = ":leased_by_session:";
constexpr std::string_view kReplay = ":replay:";

void check_name(const std::string& queue) {
  if (queue.empty()) throw std::invalid_argument("the queue's name is empty");
  const auto refuse = [&queue](std::string_view why) {
    throw std::invalid_argument(
        fmt::format("'{}' cannot be a queue's name: {}; choose another", queue, why));
  };
  for (const std::string_view part : {kLease, kReplay}) {
    if (queue.find(part) != std::string::npos) refuse(fmt::format("it contains '{}'", part));
  }
  if (queue == kRegistryKey) refuse("this key holds the names of all queues");
  const std::size_t colon = queue.rfind(':');
  if (colon == std::string::npos) return;
  const std::string_view last = std::string_view(queue).substr(colon);
  for (const KeyKind& kind : kKeyKinds) {
    if (!kind.suffix.empty() && last == kind.suffix) {
      refuse(fmt::format("keys that end in '{}' are those of another queue", last));
    }
  }
}

}  // namespace

const std::array<KeyKind, kKeyCount> kKeyKinds = {{
    {"", "list"},
    {":processing", "list"},
    {":delayed", "zset"},
    {":dead", "zset"},
    {":attempts", "hash"},
    {":crashes", "hash"},
    {":failures", "hash"},
    {":results", "stream"},
    {":stats", "hash"},
    {":fence", "string"},
    {":producers", "zset"},
    {":workers", "hash"},
    {":replays", "zset"},
    {":reclaimer", "string"},
    {":paused", "string"},
    {":seen", "set"},
    {":history", "stream"},
    {":totals", "hash"},
    {":distinct", "string"},
    {":checkpoints", "hash"},
}};

Keys::Keys(std::string queue) {
  check_name(queue);
  for (std::size_t i = 0; i < kKeyCount; ++i) names_[i] = queue + std::string(kKeyKinds[i].suffix);
  lease_prefix_ = std::move(queue) + std::string(kLease);
}

std::string Keys::lease(const ItemHash& hash) const {
  return lease_prefix_ + std::string(text(hash));
}

std::string Keys::replay(std::string_view session) const {
  return queue() + std::string(kReplay) + std::string(session);
}

std::string Keys::pushing(std::string_view session) const { return replay(session) + ":pushing"; }

std::string Keys::settled(std::string_view session) const { return replay(session) + ":settled"; }

bool Keys::owns(std::string_view key) const {
  return std::ranges::find(names_, key) != names_.end() || key.starts_with(lease_prefix_) ||
         key.starts_with(replay(""));
}

std::string Keys::hash_tag() const {
  const std::size_t open = queue().find('{');
  const std::size_t close = open == std::string::npos ? open : queue().find('}', open);
  return close == std::string::npos ? "" : queue().substr(open + 1, close - open - 1);
}

std::string seen_entry(std::string_view once_key) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  const ItemHash hash = hash_item(once_key);
  std::string bytes;
  for (std::size_t i = 0; i < hash.size(); i += 2) {
    bytes += static_cast<char>(digit(hash[i]) * 16 + digit(hash[i + 1]));
  }
  return bytes;
}

}  // namespace wq::internal
