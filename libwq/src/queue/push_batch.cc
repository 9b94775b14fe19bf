#include "queue/push_batch.h"

#include <stdexcept>

#include <fmt/format.h>

#include <wq/error.h>

#include "base/printable.h"
#include "queue/operations.h"
#include "redis/reply.h"
#include "script/script.h"

namespace wq::internal {
namespace {

// From this number of items on. Measured: what a transaction costs Redis more than a call, it saves
// with 50 to 60 items that do not become strings of Lua.
constexpr std::size_t kTransaction = 64;

constexpr std::size_t kArguments = 10;  // of the script, besides the items

// For the items before the first one that has such an argument.
void fill(EncodedArgs& args, std::size_t size, std::string_view none) {
  while (args.size() < size) args.add(none);
}

PushAnswer read_answer(Value answer) {
  if (answer.checked().is_text()) return {std::nullopt, std::string(answer.text())};
  return {static_cast<std::uint64_t>(answer.integer()), {}};
}

}  // namespace

void check_delay(const PushItem& item) {
  if (item.delay >= std::chrono::milliseconds{0} && item.delay <= kLongestDelay) return;
  throw std::invalid_argument(
      fmt::format("the item {} has a delay of {} ms; a delay is 0 to {} ms (24 h)",
                  printable(item.item), item.delay.count(), kLongestDelay.count()));
}

void PushBatch::add(const PushItem& item) {
  items_.add(item.item);
  if (items_.size() == 1) first_bytes_ = items_.bytes().size();
  if (item.once_key || hashes_.size() > 0) {
    fill(hashes_, items_.size() - 1, "");
    hashes_.add(item.once_key ? seen_entry(*item.once_key) : "");
    if (item.once_key) ++once_items_;
  }
  if (item.delay.count() > 0 || delays_.size() > 0) {
    fill(delays_, items_.size() - 1, "0");
    delays_.add(std::to_string(item.delay.count()));
  }
}

bool PushBatch::is_transaction() const noexcept {
  return items_.size() >= kTransaction && hashes_.size() == 0 && delays_.size() == 0;
}

void PushBatch::append_to(CommandBuffer& out, const Keys& keys, const PushConfig& config) const {
  const std::string_view items = items_.bytes();
  const std::size_t following = config.transactions && is_transaction() ? size() - 1 : 0;
  const std::size_t called_bytes = following > 0 ? first_bytes_ : items.size();
  const std::string pushing = keys.pushing(config.session);
  if (following > 0) out.command({"MULTI"});
  begin_call(out, scripts::push, keys, 2,
             kArguments + size() - following + hashes_.size() + delays_.size());
  out.arg(keys.replay(config.session));
  out.arg(pushing);
  out.arg(config.session);
  out.arg(config.number);
  out.arg(config.after);
  out.arg(config.answered);
  out.arg(config.hold.count());
  out.arg(config.queue_id);
  out.arg(hashes_.size() > 0 ? "1" : "0");
  out.arg(following);
  out.arg(delays_.size() > 0 ? "1" : "0");
  out.arg(config.again ? "1" : "0");
  out.append(items.substr(0, called_bytes));
  out.append(hashes_.bytes());
  out.append(delays_.bytes());
  if (following == 0) return;
  out.begin(2 + following);
  out.arg("LPUSHX");
  out.arg(pushing);
  out.append(items.substr(called_bytes));
  out.command({"RENAMENX", pushing, keys[Key::ready]});
  out.command({"EXEC"});
}

PushAnswer PushBatch::receive_from(Connection& redis, bool transactions) const {
  if (!transactions || !is_transaction()) return read_answer(redis.receive().value());
  constexpr std::size_t kBeforeExec = 4;
  // The error that keeps a command out of the transaction is more exact than that of EXEC.
  for (std::size_t i = 0; i < kBeforeExec; ++i) redis.receive().checked();
  const Reply executed = redis.receive();
  const Value answers = executed.checked().value();
  PushAnswer answer = read_answer(answers[0]);
  // Refused, or answered from what is remembered: there was no list to add to or to put back.
  if (answers[1].checked().integer() > 0 && answers[2].checked().integer() != 1) {
    throw ProtocolError("a push could not put back the list of what is ready");
  }
  return answer;
}

bool allows_transactions(Connection& redis) {
  // No script has this SHA-1. That EXEC answers so proves that it would have run one.
  constexpr const char* kNone = "0000000000000000000000000000000000000000";
  const auto [begun, queued, executed] = redis.ask({{"MULTI"}, {"EVALSHA", kNone, "0"}, {"EXEC"}});
  for (const Reply* reply : {&begun, &queued, &executed}) {
    if (reply->has_error("NOPERM")) reply->checked();
  }
  if (begun.is_withheld() || queued.is_withheld()) return false;
  if (queued.has_error("OOM")) return true;  // so would be any command there, for the moment
  begun.checked();
  queued.checked();
  executed.checked();
  return executed.value().size() == 1 && executed.value()[0].is_error() &&
         executed.value()[0].text().starts_with("NOSCRIPT");
}

}  // namespace wq::internal
