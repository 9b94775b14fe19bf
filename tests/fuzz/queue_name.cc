// Names of queues: two queues that are both allowed share no key, whatever they are called.

#include <set>
#include <string>

#include "base/keys.h"
#include "fuzz/fuzz.h"

namespace wq::fuzz {
namespace {

using internal::Key;
using internal::Keys;

std::set<std::string> all_keys(const Keys& keys, std::string_view session) {
  std::set<std::string> all;
  for (std::size_t i = 0; i < internal::kKeyCount; ++i) {
    const std::string& key = keys[static_cast<Key>(i)];
    require(key.starts_with(keys.queue()), "a key begins with the queue's name");
    require(all.insert(key).second, "each key of a queue is another one");
  }
  all.insert(keys.lease(hash_item(session)));
  all.insert(keys.replay(session));
  all.insert(keys.pushing(session));
  return all;
}

void look(const std::string& one, const std::string& other) {
  std::optional<Keys> first;
  std::optional<Keys> second;
  const auto message = refusal([&] {
    first.emplace(one);
    second.emplace(other);
  });
  if (message || one == other) return;
  constexpr std::string_view kSession = "0123456789abcdef";
  const std::set<std::string> taken = all_keys(*first, kSession);
  for (const std::string& key : all_keys(*second, kSession)) {
    require(!taken.contains(key), "no key belongs to two queues");
  }
}

}  // namespace
}  // namespace wq::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  wq::fuzz::Bytes bytes(data, size);
  const std::string one = bytes.word();
  const std::string other(bytes.rest());
  wq::fuzz::look(one, other);
  wq::fuzz::look(one, one + other);
  return 0;
}
