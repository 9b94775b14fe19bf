// The lines of a coprocess: what is not understood is refused, and what is can be written again.

#include <nlohmann/json.hpp>

#include "cli/base64.h"
#include "coprocess/wire.h"
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
      if (outcome.result_is_json) {
        json["result"] = nlohmann::json::parse(*outcome.result);
      } else if (outcome.result) {
        json["result_base64"] = cli::base64(*outcome.result);
      }
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

/// Where the result of an answer is JSON, it is that of its line in other words.
void check_json_result(const Outcome& outcome, const nlohmann::json& object) {
  if (!outcome.result_is_json) return;
  require(outcome.result->find('\n') == std::string::npos, "a result that is JSON is one line");
  require(nlohmann::json::parse(*outcome.result) == object.at("result"), "JSON is kept as it is");
}

bool same_result(const Outcome& a, const Outcome& b) {
  if (a.result_is_json != b.result_is_json) return false;
  if (!a.result_is_json) return a.result == b.result;
  return nlohmann::json::parse(*a.result) == nlohmann::json::parse(*b.result);
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
  const auto json = nlohmann::json::parse(input);
  std::size_t index = 0;
  for (const CoprocessAnswer& answer : line.answers) {
    const CoprocessAnswer again = read_coprocess_line(written(answer).dump()).answers.at(0);
    require(again.id == answer.id && again.outcome.has_value() == answer.outcome.has_value(),
            "an answer is for its item");
    const nlohmann::json& object = json.is_array() ? json.at(index++) : json;
    if (!answer.outcome) continue;
    check_json_result(*answer.outcome, object);
    require(again.outcome->kind == answer.outcome->kind &&
                same_result(*again.outcome, *answer.outcome) &&
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
