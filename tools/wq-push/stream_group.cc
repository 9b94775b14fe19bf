#include "wq-push/stream_group.h"

#include <utility>

#include <fmt/format.h>

#include <wq/error.h>

#include "base/printable.h"
#include "cli/log.h"

namespace wq::push {

using internal::CommandBuffer;
using internal::Connection;
using internal::Reply;

namespace {

// All programs that follow the stream for the queue are one consumer, so that each finds what
// another one left behind.
constexpr std::string_view kConsumer = "wq-push";
constexpr std::string_view kRights = "TYPE, XGROUP CREATE, XREADGROUP and XACK";
// How often a wait for entries looks for a stop request.
constexpr std::string_view kBlockMs = "300";

}  // namespace

StreamGroup::StreamGroup(StreamSearch search, const std::string& queue, const RedisOptions& redis,
                         InputWait& wait, std::function<void()> confirm)
    : StreamItems(std::move(search), redis, wait, true),
      group_("wq-push:" + queue),
      confirm_(std::move(confirm)) {}

bool StreamGroup::next(std::string& item) {
  while (!take_item(item)) {
    tell_left_out();
    if (!taken_.empty()) confirm_();
    if (wait_.stopped()) return false;
    ask([this](Connection& redis) { read_page(redis); }, kRights);
  }
  terms_.once_key = fmt::format("wq-push --from-stream {} {}", search_.key, id_);
  return true;
}

void StreamGroup::confirmed() noexcept {
  if (taken_.empty() || !link_.connected()) return;
  try {
    CommandBuffer call;
    append_acknowledgement(call);
    link_.connection().call(call);
    taken_.clear();
  } catch (...) {  // the next run finds them pending, and does not push them again
  }
}

void StreamGroup::append_acknowledgement(CommandBuffer& out) const {
  out.begin(3 + taken_.size());
  out.arg("XACK");
  out.arg(search_.key);
  out.arg(group_);
  for (const std::string& id : taken_) out.arg(id);
}

// Also when the stream was removed, and the group with it.
void StreamGroup::join(Connection& redis) {
  if (joined_on_ == link_.generation()) return;
  if (check_type(redis) == "none") {
    cli::log(LogLevel::info, fmt::format("there is no stream {} yet; waiting for its first entry",
                                         internal::printable(search_.key)));
  }
  const auto [reply] = redis.ask({{"XGROUP", "CREATE", search_.key, group_, "0", "MKSTREAM"}});
  if (!reply.has_error("BUSYGROUP")) reply.checked();
  if (!std::exchange(said_, true)) {
    cli::log(LogLevel::info,
             fmt::format("following the stream {} as its consumer group {}",
                         internal::printable(search_.key), internal::printable(group_)));
  }
  joined_on_ = link_.generation();
  pending_ = true;  // an answer may have been lost
}

void StreamGroup::read_page(Connection& redis) {
  join(redis);
  if (!pending_) wait_.tell_idle();
  CommandBuffer calls;
  if (!taken_.empty()) append_acknowledgement(calls);
  const std::string count = page_size_.text();
  if (pending_) {
    calls.command(
        {"XREADGROUP", "GROUP", group_, kConsumer, "COUNT", count, "STREAMS", search_.key, "0"});
  } else {
    calls.command({"XREADGROUP", "GROUP", group_, kConsumer, "COUNT", count, "BLOCK", kBlockMs,
                   "STREAMS", search_.key, ">"});
  }
  redis.send(calls);
  if (calls.size() > 1) redis.receive().checked();
  const Reply reply = redis.receive();
  if (reply.has_error("NOGROUP") || reply.has_error("UNBLOCKED")) {
    joined_on_ = 0;
    taken_.clear();
    return;
  }
  const internal::Value answer = reply.checked().value();
  const std::vector<StreamEntry> page =
      answer.size() == 0 ? std::vector<StreamEntry>{} : read_entries(answer[0][1]);
  taken_.clear();
  if (page.empty()) {
    pending_ = false;
    return;
  }
  page_size_.adapt(page);
  page_.assign(page.begin(), page.end());
}

}  // namespace wq::push
