#include "fuzz/resp.h"

namespace wq::fuzz {
namespace {

constexpr std::size_t kMostDigits = 5;

/// True if the head of some part, as hiredis might read it, has a number of many digits.
bool claims_to_be_huge(std::string_view bytes) {
  for (std::size_t at = bytes.find_first_of("*$"); at != std::string_view::npos;
       at = bytes.find_first_of("*$", at + 1)) {
    const std::size_t end = bytes.find_first_not_of("0123456789+- ", at + 1);
    if ((end == std::string_view::npos ? bytes.size() : end) - at - 1 > kMostDigits) return true;
  }
  return false;
}

struct Free {
  void operator()(redisReader* reader) const noexcept { redisReaderFree(reader); }
};

}  // namespace

std::optional<internal::Reply> read_reply(std::string_view& bytes) {
  if (bytes.empty() || claims_to_be_huge(bytes)) return std::nullopt;
  const std::unique_ptr<redisReader, Free> reader(redisReaderCreate());
  if (redisReaderFeed(reader.get(), bytes.data(), bytes.size()) != REDIS_OK) return std::nullopt;
  void* reply = nullptr;
  if (redisReaderGetReply(reader.get(), &reply) != REDIS_OK || reply == nullptr) {
    return std::nullopt;
  }
  // hiredis drops what it has read from its buffer now and then: what counts is what is left.
  bytes.remove_prefix(bytes.size() - (reader->len - reader->pos));
  return internal::Reply(static_cast<redisReply*>(reply));
}

}  // namespace wq::fuzz
