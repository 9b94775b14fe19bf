// The lines of a coprocess: what is not understood is refused, and what is can be written again.

#include <nlohmann/json.hpp>

#include "cli/base64.h"
#include "coprocess_wire.h"
#include "fuzz/fuzz.h"

namespace wq::fuzz {
namespace {

using internal::CoprocessAnswer;
using internal::read_coprocess_line;

nlohmann::json written(const CoprocessAnswer& answer) {
  nlohmann::json json{{"id", answer.id}};
  if (!answer.outcome) {
    json["answer"] = "progress";
    return json;
  }
  const Outcome& outcome = *answer.outcome;
  switch (outcome.kind) {
    case Outcome::Kind::complete:
      json["answer"] = "done";
      if (outcome.result) json["result_base64"] = cli::base64(*outcome.result);
      break;
    case Outcome::Kind::release:
      json["answer"] = "release";
      if (outcome.release_delay) {
        json["delay_seconds"] = static_cast<double>(outcome.release_delay->count()) / 1000;
      }
      break;
    default:
      json["answer"] = outcome.kind == Outcome::Kind::fatal ? "fatal" : "failed";
      json["error_base64"] = cli::base64(outcome.failure.message);
  }
  return json;
}

void run(std::string_view input) {
  internal::CoprocessLine line;
  try {
    line = read_coprocess_line(input);
  } catch (const internal::BadLine& bad) {
    require(is_one_line(bad.what()), "what is wrong is said in one line");
    return;
  }
  require(!line.ready || line.answers.empty(), "it is ready or answers");
  for (const CoprocessAnswer& answer : line.answers) {
    const CoprocessAnswer again = read_coprocess_line(written(answer).dump()).answers.at(0);
    require(again.id == answer.id && again.outcome.has_value() == answer.outcome.has_value(),
            "an answer is for its item");
    if (!answer.outcome) continue;
    require(again.outcome->kind == answer.outcome->kind &&
                again.outcome->result == answer.outcome->result &&
                again.outcome->release_delay == answer.outcome->release_delay &&
                again.outcome->failure.message == answer.outcome->failure.message,
            "an answer is what it says");
    if (answer.outcome->release_delay) {
      require(answer.outcome->release_delay->count() >= 0 &&
                  *answer.outcome->release_delay <= std::chrono::hours{24},
              "no delay is longer than Redis is told");
    }
  }
}

}  // namespace
}  // namespace wq::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  wq::fuzz::run(wq::fuzz::Bytes(data, size).rest());
  return 0;
}
