#include "bench/bare_connection.h"

#include <stdexcept>

namespace wq::bench {
namespace {

// As in wq's own connection: hiredis' default allocates anew for every batch.
constexpr std::size_t kReaderKeepsBytes = std::size_t{1} << 20U;

}  // namespace

BareConnection::BareConnection(const std::string& socket_path)
    : context_(redisConnectUnix(socket_path.c_str())) {
  if (!context_ || context_->err != 0) throw std::runtime_error("cannot connect to Redis");
  context_->reader->maxbuf = kReaderKeepsBytes;
}

void BareConnection::append(std::span<const std::string_view> words) {
  pointers_.clear();
  lengths_.clear();
  for (const std::string_view word : words) {
    pointers_.push_back(word.data());
    lengths_.push_back(word.size());
  }
  redisAppendCommandArgv(context_.get(), static_cast<int>(words.size()), pointers_.data(),
                         lengths_.data());
}

void BareConnection::send() {
  for (int done = 0; done == 0;) {
    if (redisBufferWrite(context_.get(), &done) != REDIS_OK) {
      throw std::runtime_error(context_->errstr);
    }
  }
}

BareConnection::Reply BareConnection::receive() {
  void* reply = nullptr;
  if (redisGetReply(context_.get(), &reply) != REDIS_OK) {
    throw std::runtime_error(context_->errstr);
  }
  Reply owned(static_cast<redisReply*>(reply));
  if (owned->type == REDIS_REPLY_ERROR) throw std::runtime_error(std::string(text_of(*owned)));
  return owned;
}

std::uint64_t BareConnection::receive_integers(std::size_t n) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const Reply reply = receive();
    if (reply->type != REDIS_REPLY_INTEGER) throw std::runtime_error("not an integer");
    sum += static_cast<std::uint64_t>(reply->integer);
  }
  return sum;
}

void BareConnection::discard(std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) static_cast<void>(receive());
}

std::string BareConnection::load(std::string_view script) {
  append({"SCRIPT", "LOAD", script});
  send();
  const Reply reply = receive();
  return std::string(text_of(*reply));
}

}  // namespace wq::bench
