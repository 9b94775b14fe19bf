#include "coprocess/wire.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include <nlohmann/json.hpp>

#include "cli/base64.h"
#include "cli/json_text.h"
#include "command/follow_up.h"

namespace wq::internal {
namespace {

using Json = nlohmann::json;
using std::chrono::milliseconds;

constexpr double kLongestDelaySeconds = 24 * 3600;  // as for --release-delay

/// The result in the next answer. Of several the last one counts, as for `Json`.
std::string take_result(cli::JsonText& line) {
  std::string name;
  std::string_view value;
  std::string_view result;
  line.take(',');
  line.take('{');
  while (line.take_member(name, value)) {
    if (name == "result") result = value;
  }
  return cli::compact_json(result);
}

/// Results that are JSON are kept as they were written.
void take_json_results(std::string_view line, std::vector<CoprocessAnswer>& answers) {
  const auto has_json = [](const CoprocessAnswer& answer) {
    return answer.outcome && answer.outcome->result_is_json;
  };
  if (std::none_of(answers.begin(), answers.end(), has_json)) return;
  cli::JsonText text(line);
  text.take('[');
  for (CoprocessAnswer& answer : answers) {
    std::string result = take_result(text);
    if (has_json(answer)) answer.outcome->result = std::move(result);
  }
}

/// `"name":"text"`, or `"name_base64":"..."` where it is no UTF-8.
void append_bytes(std::string& line, std::string_view name, std::string_view bytes) {
  line.append("\"").append(name);
  try {
    const std::string quoted = Json(bytes).dump();
    line.append("\":").append(quoted);
  } catch (const Json::type_error&) {
    line.append("_base64\":\"").append(cli::base64(bytes)).append("\"");
  }
}

/// The bytes of such a member, if it is there.
std::optional<std::string> take_bytes(Json& object, const std::string& name) {
  std::optional<std::string> bytes;
  if (const auto text = object.find(name); text != object.end()) {
    if (!text->is_string()) throw BadLine("its \"" + name + "\" is not a string");
    bytes = std::move(text->get_ref<std::string&>());
  }
  const auto encoded = object.find(name + "_base64");
  if (encoded == object.end()) return bytes;
  if (bytes) throw BadLine("it has both \"" + name + "\" and \"" + name + "_base64\"");
  if (encoded->is_string()) bytes = cli::from_base64(encoded->get_ref<std::string&>());
  if (!bytes) throw BadLine("its \"" + name + "_base64\" is not base64 with padding");
  return bytes;
}

milliseconds delay_of(const Json& delay) {
  const double seconds = delay.is_number() ? delay.get<double>() : -1;
  if (!(seconds >= 0 && seconds <= kLongestDelaySeconds)) {
    throw BadLine("its \"delay_seconds\" is not a number from 0 to 86400");
  }
  return milliseconds{std::llround(seconds * 1000)};
}

std::vector<Total> totals_of(const Json& object) {
  std::vector<Total> totals;
  const auto member = object.find("totals");
  if (member == object.end()) return totals;
  if (!member->is_object()) throw BadLine("its \"totals\" is not an object");
  for (const auto& [key, number] : member->items()) {
    if (!number.is_number()) throw BadLine("a value in its \"totals\" is not a number");
    totals.push_back({.key = key, .number = number.dump()});
  }
  return totals;
}

// Texts, or objects as a line of $WQ_FOLLOWUPS_FILE has them.
std::vector<FollowUp> follow_ups_of(Json& object) {
  std::vector<FollowUp> follow_ups;
  const auto member = object.find("follow_ups");
  if (member == object.end()) return follow_ups;
  if (!member->is_array()) throw BadLine("its \"follow_ups\" is not an array");
  for (Json& each : *member) {
    if (each.is_string()) {
      follow_ups.emplace_back(std::move(each.get_ref<std::string&>()));
      continue;
    }
    if (!each.is_object())
      throw BadLine("a value in its \"follow_ups\" is neither a string nor an object");
    auto item = take_bytes(each, "item");
    if (!item) throw BadLine(R"(a value in its "follow_ups" has no "item")");
    each.erase("item_base64");
    each["item"] = "";
    try {
      follow_ups.push_back(read_follow_up(each.dump()));
    } catch (const std::invalid_argument& error) {
      throw BadLine(std::string("a value in its \"follow_ups\" is wrong: ") + error.what());
    }
    follow_ups.back().item = std::move(*item);
  }
  return follow_ups;
}

Failure error_of(Json& object) {
  Failure failure;
  failure.message = take_bytes(object, "error").value_or("the coprocess gave no reason");
  return failure;
}

std::optional<Outcome> outcome_of(Json& object) {
  const auto answer = object.find("answer");
  if (answer == object.end() || !answer->is_string()) {
    throw BadLine("it has no \"answer\", which is done, failed, fatal, release or progress");
  }
  const auto& word = answer->get_ref<const std::string&>();
  if (word == "progress") return std::nullopt;
  if (word == "done") {
    const auto result = object.find("result");
    const bool is_json = result != object.end() && !result->is_string();
    if (is_json) *result = "";  // `take_json_results` finds it
    Outcome outcome;
    outcome.result = take_bytes(object, "result");
    outcome.result_is_json = is_json;
    outcome.totals = totals_of(object);
    outcome.follow_ups = follow_ups_of(object);
    return outcome;
  }
  if (word == "failed") return Outcome::fail(error_of(object));
  if (word == "fatal") return Outcome::fatal(error_of(object));
  if (word == "release") {
    const auto delay = object.find("delay_seconds");
    return delay == object.end() ? Outcome::release() : Outcome::release(delay_of(*delay));
  }
  throw BadLine("its \"answer\" is not done, failed, fatal, release or progress");
}

CoprocessAnswer answer_of(Json& object) {
  if (!object.is_object()) throw BadLine("an answer in it is not an object");
  const auto id = object.find("id");
  if (id == object.end() || !id->is_number_unsigned()) {
    throw BadLine("it has no \"id\", the number of an item");
  }
  CoprocessAnswer answer{.id = id->get<std::uint64_t>(),
                         .checkpoint = take_bytes(object, "checkpoint"),
                         .outcome = outcome_of(object)};
  if (answer.checkpoint && answer.checkpoint->size() > kLongestCheckpoint) {
    throw BadLine("its \"checkpoint\" is longer than " + std::to_string(kLongestCheckpoint) +
                  " bytes");
  }
  if (answer.outcome) answer.outcome->checkpoint = std::exchange(answer.checkpoint, std::nullopt);
  return answer;
}

void check_version(const Json& version) {
  if (version == kCoprocessVersion) return;
  throw BadLine("it uses another version of the protocol; this worker uses " +
                std::to_string(kCoprocessVersion));
}

}  // namespace

std::string hello_line(const CoprocessHello& hello) {
  std::string line = R"({"wq":)" + std::to_string(kCoprocessVersion) + ",";
  if (!hello.queue.empty()) {
    append_bytes(line, "queue", hello.queue);
    line += ',';
  }
  line += R"("session":")" + hello.session + R"(","slot":)" + std::to_string(hello.slot) +
          R"(,"batch":)" + std::to_string(hello.batch);
  if (hello.max_items > 0) line += R"(,"max_items":)" + std::to_string(hello.max_items);
  return line += "}\n";
}

std::string batch_line(std::string_view queue, std::uint64_t first_id,
                       const std::vector<const Lease*>& items) {
  std::string line = R"({"items":[)";
  for (const Lease* lease : items) {
    if (line.back() == '}') line += ',';
    line.append(R"({"id":)").append(std::to_string(first_id++)).append(",");
    append_bytes(line, "item", lease->item);
    line.append(R"(,"attempt":)").append(std::to_string(lease->attempt()));
    line.append(R"(,"fence":)").append(std::to_string(lease->fence));
    line.append(R"(,"sha224":")").append(text(lease->hash)).append("\"");
    if (!lease->checkpoint.empty()) {
      line += ',';
      append_bytes(line, "checkpoint", lease->checkpoint);
    }
    line += '}';
  }
  line += "],";
  append_bytes(line, "queue", queue);
  line += "}\n";
  return line;
}

CoprocessLine read_coprocess_line(std::string_view line) {
  Json json = Json::parse(line, nullptr, false);
  CoprocessLine read;
  if (json.is_array()) {
    read.answers.reserve(json.size());
    for (Json& each : json) read.answers.push_back(answer_of(each));
  } else if (!json.is_object()) {
    throw BadLine("it is not a JSON object or an array of objects");
  } else if (const auto version = json.find("wq"); version != json.end()) {
    check_version(*version);
    read.ready = true;
  } else {
    read.answers.push_back(answer_of(json));
  }
  take_json_results(line, read.answers);
  return read;
}

}  // namespace wq::internal
