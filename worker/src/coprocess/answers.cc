// The answers of a coprocess.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "coprocess/slot.h"

namespace wq::internal {

void CoprocessSlot::on_line(std::string_view line) {
  if (ending_why_ == Ending::bad_line) return;
  try {
    CoprocessLine read = read_coprocess_line(line);
    if (!ready_ && !read.ready) {
      throw BadLine(fmt::format("the first one must be {{\"wq\":{}}}", kCoprocessVersion));
    }
    if (read.ready) {
      ready_ = true;
      return;
    }
    for (CoprocessAnswer& answer : read.answers) on_answer(std::move(answer));
  } catch (const BadLine& bad) {
    bad_line(line, bad.what());
  }
}

void CoprocessSlot::on_answer(CoprocessAnswer answer) {
  const auto piece = std::find_if(sent_.begin(), sent_.end(), [&](const Piece& each) {
    return answer.id - each.first_id < each.items.size();
  });
  Item* item = piece == sent_.end() ? nullptr : piece->items[answer.id - piece->first_id];
  if (item == nullptr) {
    throw BadLine(
        fmt::format("it answers item {}, which is unknown or already answered", answer.id));
  }
  piece->heard_at = Clock::now();
  piece->begun = true;
  if (!answer.outcome) return;

  answered_ = true;
  record_.useful = true;
  useless_ends_ = ends_unanswered_ = 0;
  piece->items[answer.id - piece->first_id] = nullptr;
  if (--piece->open == 0) {
    sent_.erase(piece);
    if (!sent_.empty()) sent_.front().heard_at = Clock::now();
  }
  Outcome& outcome = *answer.outcome;
  if (outcome.result && outcome.result->size() > config_.options.results_max_bytes) {
    // The work was done, and would be as long again.
    Failure failure;
    failure.kind = FailureKind::result;
    failure.message = fmt::format("the result is longer than {} bytes (--results-max-bytes)",
                                  config_.options.results_max_bytes);
    outcome = Outcome::fatal(std::move(failure));
  }
  settle(*item, std::move(outcome));
}

void CoprocessSlot::bad_line(std::string_view line, std::string_view why) {
  if (ending_why_ == Ending::bad_line) return;
  constexpr std::size_t kShown = 80;
  std::string shown;
  for (const char byte : line.substr(0, kShown)) {
    const auto code = static_cast<unsigned char>(byte);
    shown += code >= 0x20 && code < 0x7f ? std::string(1, byte) : fmt::format("\\x{:02x}", code);
  }
  const bool whole = process_->too_long_line().empty();
  bad_line_ = fmt::format(
      "line {} of its stdout is not a valid answer: {}: '{}'{}; write only answers to stdout, "
      "everything else to stderr",
      process_->lines() + (whole ? 0 : 1), why, shown, line.size() > kShown ? "..." : "");
  ending_why_ = Ending::bad_line;
  process_->ask_to_end();
}

}  // namespace wq::internal
