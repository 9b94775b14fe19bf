#include "support/redis_client.h"

namespace wq::test {

RedisClient::RedisClient(const RedisOptions& options) : connection_(options) {}

internal::Reply RedisClient::call(Words words) {
  internal::Reply reply = raw(words);
  reply.checked();
  return reply;
}

internal::Reply RedisClient::raw(Words words) {
  internal::CommandBuffer command;
  command.command(words);
  connection_.send(command);
  return connection_.receive();
}

std::int64_t RedisClient::integer(Words words) { return call(words).value().integer(); }

std::optional<std::string> RedisClient::text(Words words) {
  const internal::Reply reply = call(words);
  if (reply.value().is_nil()) return std::nullopt;
  return std::string(reply.value().text());
}

std::vector<std::string> RedisClient::list(Words words) {
  const internal::Reply reply = call(words);
  std::vector<std::string> items;
  for (std::size_t i = 0; i < reply.value().size(); ++i) {
    items.emplace_back(reply.value()[i].text());
  }
  return items;
}

bool RedisClient::exists(std::string_view key) { return integer({"EXISTS", key}) == 1; }

std::int64_t RedisClient::time_ms() { return call({"TIME"}).value().time_ms(); }

}  // namespace wq::test
