// Replies of any shape: each accessor answers or throws ProtocolError, whatever the reply is. And
// commands: what is encoded is what a server reads.

#include "redis/reply.h"

#include <string>
#include <vector>

#include <wq/error.h>

#include "fuzz/fuzz.h"
#include "fuzz/resp.h"
#include "redis/command_buffer.h"

namespace wq::fuzz {
namespace {

using internal::Value;

/// True if it did not answer.
template <typename Access>
bool refuses(Access access) {
  try {
    access();
    return false;
  } catch (const ProtocolError&) {
    return true;
  }
}

void look_at(const Value& value) {
  require(value.is_nil() + value.is_error() + value.is_array() + value.is_text() <= 1,
          "a reply is of one kind");
  const bool has_text = value.is_text() || value.is_error();
  require(refuses([&] { static_cast<void>(value.text()); }) == !has_text,
          "a reply has a text or says that it has none");
  const bool has_integer = !refuses([&] {
    const std::int64_t number = value.integer();
    if (value.is_text()) {
      require(std::stoll(std::string(value.text())) == number, "a text is the number it shows");
    }
  });
  require(!has_integer || (!value.is_nil() && !value.is_array()), "no number in an array or nil");
  const bool has_size = !refuses([&] { static_cast<void>(value.size()); });
  require(has_size == (value.is_array() || value.is_nil()), "an array has a size, or nil");
  if (!has_size) return;
  for (std::size_t i = 0; i < value.size(); ++i) look_at(value[i]);
  require(refuses([&] { static_cast<void>(value[value.size()]); }), "nothing is behind the end");
}

void any_reply(std::string_view bytes) {
  while (const auto reply = read_reply(bytes)) {
    look_at(reply->value());
    bool threw = false;
    try {
      reply->checked();
    } catch (const ReplyError& error) {
      threw = true;
      require(reply->has_error(error.code()), "an error has the code that is thrown");
      const bool refused = dynamic_cast<const RefusedError*>(&error) != nullptr;
      require(!refused || !error.transient(), "what is refused for good is not tried again");
    }
    require(threw == reply->value().is_error(), "an error is thrown, and nothing else is");
  }
}

void any_commands(const std::vector<std::string>& words, std::size_t in_each) {
  internal::CommandBuffer pipeline;
  std::size_t commands = 0;
  for (std::size_t i = 0; i < words.size(); i += in_each, ++commands) {
    const std::size_t n = std::min(in_each, words.size() - i);
    pipeline.begin(n);
    for (std::size_t k = i; k < i + n; ++k) {
      const std::size_t half = words[k].size() / 2;
      pipeline.arg(std::string_view(words[k]).substr(0, half),
                   std::string_view(words[k]).substr(half));
    }
  }
  require(pipeline.size() == commands, "a pipeline knows how many replies will come");
  std::string_view bytes = pipeline.bytes();
  for (std::size_t i = 0; i < words.size();) {
    const auto command = read_reply(bytes);
    if (!command) return;  // some word looks like a huge one
    for (std::size_t k = 0; k < command->value().size(); ++k, ++i) {
      require(command->value()[k].text() == words.at(i), "a server reads the words as they were");
    }
  }
  require(bytes.empty(), "and nothing else");
}

}  // namespace
}  // namespace wq::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  wq::fuzz::Bytes bytes(data, size);
  if (bytes.byte() == 'c') {
    const std::size_t in_each = bytes.byte() % 8U + 1;
    wq::fuzz::any_commands(bytes.words(), in_each);
  } else {
    wq::fuzz::any_reply(bytes.rest());
  }
  return 0;
}
