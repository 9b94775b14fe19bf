#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <wq/lease.h>

namespace wq {
namespace {

std::string hash_of(std::string_view item) { return std::string(text(hash_item(item))); }

// The expected values are those of Python's hashlib.
TEST(ItemHashes, AreLowercaseHexadecimalSha224) {
  EXPECT_EQ(hash_of("apple"), "b7bbfdf1a1012999b3c466fdeb906a629caa5e3e022428d1eb702281");
  EXPECT_EQ(hash_of(""), "d14a028c2a3a2bc9476102bb288234c415a2b01f828ea62ac5b3e42f");
}

TEST(ItemHashes, CoverEveryByte) {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes += static_cast<char>(byte);
  EXPECT_EQ(hash_of(bytes), "88702e63237824c4eb0d0fcfe41469a462493e8beb2a75bbe5981734");
}

TEST(ItemHashes, OfALongItem) {
  EXPECT_EQ(hash_of(std::string(10'000'000, 'a')),
            "430239aa86b65ea8ddcfdeae05ffea27c207626dc0cba97d522a62bb");
}

TEST(ItemHashes, MayBeComputedByManyThreads) {
  const std::string expected = hash_of("apple");
  std::vector<std::thread> threads;
  std::vector<int> wrong(4);
  for (int& count : wrong) {
    threads.emplace_back([&count, &expected] {
      for (int i = 0; i < 1'000; ++i) count += hash_of("apple") == expected ? 0 : 1;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4));
}

}  // namespace
}  // namespace wq
