#include "wq-push/stream_source.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include <wq/error.h>

#include "base/printable.h"
#include "cli/log.h"
#include "cli/options.h"
#include "cli/units.h"

namespace wq::push {

using internal::Connection;
using internal::Reply;

void PageSize::adapt(const std::vector<StreamEntry>& page) {
  constexpr std::size_t kBytes = std::size_t{1} << 20U;
  std::size_t bytes = 0;
  for (const StreamEntry& entry : page) bytes += entry.bytes();
  if (bytes > 2 * kBytes) {
    size_ = std::max<std::size_t>(1, size_ / 2);
  } else if (bytes < kBytes / 2) {
    size_ = std::min(most_, size_ * 2);
  }
}

StreamItems::StreamItems(StreamSearch search, const RedisOptions& redis, InputWait& wait,
                         bool keeps_taken)
    : search_(std::move(search)),
      wait_(wait),
      link_(redis, wait.stop()),
      page_size_(search_.most_entries),
      keeps_taken_(keeps_taken) {}

std::string StreamItems::position() const {
  return fmt::format("stream {}: entry {}", internal::printable(search_.key), id_);
}

std::string StreamItems::check_type(Connection& redis) const {
  const Reply reply = redis.call({"TYPE", search_.key});
  std::string type(reply.value().text());
  if (type == "stream" || type == "none") return type;
  throw cli::UsageError(fmt::format("--from-stream: the key {} is a {}, not a stream",
                                    internal::printable(search_.key), type));
}

bool StreamItems::take_item(std::string& item) {
  while (!page_.empty()) {
    const StreamEntry entry = std::move(page_.front());
    page_.pop_front();
    id_ = entry.id;
    if (keeps_taken_) taken_.push_back(id_);
    std::optional<std::string> found;
    try {
      if (!entry.fields.empty()) found = item_of(entry, search_.field);
    } catch (const std::invalid_argument& error) {
      throw cli::UsageError(
          fmt::format("{}: {}; choose one field with --field", position(), error.what()));
    }
    if (found) {
      item = *std::move(found);
      return true;
    }
    ++left_out_;
  }
  return false;
}

void StreamItems::ask(const std::function<void(Connection&)>& read, std::string_view rights) {
  try {
    link_.run([&](Connection& redis) {
      read(redis);
      return true;
    });
  } catch (const RefusedError& error) {
    throw cli::UsageError(
        fmt::format("--from-stream: {}; the user needs the rights to {}", error.what(), rights));
  }
}

void StreamItems::tell_left_out() {
  const std::uint64_t left_out = std::exchange(left_out_, 0);
  if (left_out == 0) return;
  const std::string what = cli::plural(left_out, "entry", "entries");
  cli::log(LogLevel::warning, search_.field.empty()
                                  ? fmt::format("stream {}: {} removed before their turn",
                                                internal::printable(search_.key), what)
                                  : fmt::format("stream {}: {} without the field {} left out",
                                                internal::printable(search_.key), what,
                                                internal::printable(search_.field)));
}

StreamSource::StreamSource(StreamSearch search, const RedisOptions& redis, InputWait& wait)
    : StreamItems(std::move(search), redis, wait, false) {}

bool StreamSource::next(std::string& item) {
  while (!take_item(item)) {
    if (wait_.stopped()) return false;
    if (done_) {
      tell_left_out();
      return false;
    }
    ask([this](Connection& redis) { read_page(redis); }, "TYPE, XRANGE and XREVRANGE");
  }
  return true;
}

void StreamSource::read_page(Connection& redis) {
  if (end_.empty()) {
    if (check_type(redis) == "none") {
      throw cli::UsageError(
          fmt::format("--from-stream: there is no stream {} in this database; with --follow, "
                      "wq-push waits for its first entry",
                      internal::printable(search_.key)));
    }
    const Reply reply = redis.call({"XREVRANGE", search_.key, "+", "-", "COUNT", "1"});
    done_ = reply.value().size() == 0;
    if (done_) return;
    end_ = reply.value()[0][0].text();
  }
  const Reply reply = redis.call({"XRANGE", search_.key, from_, end_, "COUNT", page_size_.text()});
  const std::vector<StreamEntry> page = read_entries(reply.value());
  page_size_.adapt(page);
  done_ = page.empty() || page.back().id == end_;
  if (!page.empty()) from_ = "(" + page.back().id;
  page_.assign(page.begin(), page.end());
}

}  // namespace wq::push
