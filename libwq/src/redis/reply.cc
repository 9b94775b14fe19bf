#include "redis/reply.h"

#include <algorithm>
#include <array>
#include <string>

#include <fmt/format.h>
#include <hiredis/hiredis.h>

#include <wq/error.h>

#include "base/whole_number.h"

namespace wq::internal {
namespace {

constexpr std::array<std::string_view, 4> kFinal = {"NOAUTH", "NOPERM", "WRONGPASS", "WRONGTYPE"};

// The error of Redis before it closes the connection.
constexpr std::string_view kNotTaken = "ERR Protocol error";

[[noreturn]] void unexpected(const char* wanted) {
  throw ProtocolError(std::string("Redis answered with something other than ") + wanted);
}

}  // namespace

bool Value::is_nil() const noexcept { return reply_->type == REDIS_REPLY_NIL; }
bool Value::is_error() const noexcept { return reply_->type == REDIS_REPLY_ERROR; }
bool Value::is_array() const noexcept { return reply_->type == REDIS_REPLY_ARRAY; }
bool Value::is_text() const noexcept {
  return reply_->type == REDIS_REPLY_STRING || reply_->type == REDIS_REPLY_STATUS;
}

std::string_view Value::text() const {
  if (!is_text() && !is_error()) unexpected("a string");
  return {reply_->str, static_cast<std::size_t>(reply_->len)};
}

std::int64_t Value::integer() const {
  if (reply_->type == REDIS_REPLY_INTEGER) return reply_->integer;
  const auto number = whole_number<std::int64_t>(text());
  if (!number) unexpected("an integer");
  return *number;
}

std::uint64_t Value::count() const {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, integer()));
}

std::chrono::microseconds Value::time() const {
  return std::chrono::seconds{(*this)[0].integer()} +
         std::chrono::microseconds{(*this)[1].integer()};
}

std::size_t Value::size() const {
  if (is_nil()) return 0;
  if (reply_->type != REDIS_REPLY_ARRAY) unexpected("an array");
  return reply_->elements;
}

Value Value::operator[](std::size_t i) const {
  if (i >= size()) unexpected("an array that long");
  return Value(reply_->element[i]);
}

std::vector<std::string> Value::texts(std::size_t step) const {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < size(); i += step) all.emplace_back((*this)[i].text());
  return all;
}

const Value& Value::checked() const {
  if (!is_error()) return *this;
  const std::string message(text());
  if (message.starts_with(kNotTaken)) {
    throw RefusedError(message +
                       "; the argument is too long for this server: raise proto-max-bulk-len, or "
                       "allow CONFIG GET, so that wq checks sizes before it sends");
  }
  const ReplyError error(message);
  if (std::find(kFinal.begin(), kFinal.end(), error.code()) != kFinal.end()) {
    throw RefusedError(message);
  }
  if (error.code() == "CROSSSLOT") {
    throw RefusedError(message +
                       " (this is a Redis Cluster, where all keys of a queue must be on one node; "
                       "give the queue's name a hash tag, as in '{name}')");
  }
  // A script needs all keys of its queue, also those that do not exist, and the node that gets the
  // slot answers only for those that have come: nothing can be done before the last one has.
  if (error.code() == "ASK" || error.code() == "TRYAGAIN") {
    throw ReplyError(message + " (the cluster moves the queue to another node at the moment)");
  }
  if (const auto node = moved_to()) {
    throw RedirectError(
        fmt::format("the node of the Redis Cluster does not have the queue, but {}:{} does",
                    node->host, node->port));
  }
  throw error;
}

// "MOVED 3999 127.0.0.1:6381", also with an IPv6 address, which has no brackets.
std::optional<HostAndPort> Value::moved_to() const {
  if (!is_error() || !text().starts_with("MOVED ")) return std::nullopt;
  const std::string_view node = text().substr(text().rfind(' ') + 1);
  const std::size_t colon = node.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = whole_number<int>(node.substr(colon + 1));
  if (!port || *port < 1 || *port > 65'535) return std::nullopt;
  std::string_view host = node.substr(0, colon);
  if (host == "?") host = {};
  return HostAndPort{std::string(host), *port};
}

bool Reply::has_error(std::string_view code) const {
  return value().is_error() && ReplyError(std::string(value().text())).code() == code;
}

bool Reply::is_withheld() const {
  if (!value().is_error()) return false;
  const ReplyError error{std::string(value().text())};
  return !error.transient() && (error.code() == "NOPERM" || error.code() == "ERR");
}

const Reply& Reply::checked() const {
  value().checked();
  return *this;
}

void Reply::Free::operator()(redisReply* reply) const noexcept { freeReplyObject(reply); }

}  // namespace wq::internal
