#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <wq/redis_options.h>

#include "redis/reconnecting_connection.h"
#include "wq-push/input.h"
#include "wq-push/item_source.h"
#include "wq-push/stream_entry.h"

namespace wq::push {

/// Which stream is read, and what of its entries.
struct StreamSearch {
  std::string key;
  std::string field;                 ///< see `item_of`
  std::size_t most_entries = 1'000;  ///< to be read at once
};

/// So many entries are read at once: more while they are small, so that a step is about a MiB.
class PageSize {
 public:
  explicit PageSize(std::size_t most) : most_(most) {}

  [[nodiscard]] std::string text() const { return std::to_string(size_); }
  void adapt(const std::vector<StreamEntry>& page);

 private:
  const std::size_t most_;
  std::size_t size_ = std::min<std::size_t>(most_, 16);
};

/// What both kinds of sources do with the entries of a stream.
class StreamItems : public ItemSource {
 public:
  std::string position() const override;

 protected:
  /// Does not connect. `wait` must outlive this object. `keeps_taken`: whether `taken_` is filled.
  StreamItems(StreamSearch search, const RedisOptions& redis, InputWait& wait, bool keeps_taken);

  /// The type of the key, or "none". Throws `UsageError` unless it is a stream or not there.
  [[nodiscard]] std::string check_type(internal::Connection& redis) const;
  /// Takes the item of the first entry of the page, if the page has one with an item. `UsageError`
  /// where the entry can be none.
  [[nodiscard]] bool take_item(std::string& item);
  /// Logs how many entries had no item, if any.
  void tell_left_out();
  /// Calls `read(connection)` until it succeeds; a refusal of Redis is a `UsageError`.
  void ask(const std::function<void(internal::Connection&)>& read, std::string_view rights);

  const StreamSearch search_;
  InputWait& wait_;
  internal::ReconnectingConnection link_;
  PageSize page_size_;
  std::deque<StreamEntry> page_;
  std::string id_;                  // of the last entry
  std::vector<std::string> taken_;  // entries that left the page, for who acknowledges them

 private:
  const bool keeps_taken_;
  std::uint64_t left_out_ = 0;
};

/// The entries that a stream holds when the reading begins, from the first to the last.
class StreamSource : public StreamItems {
 public:
  StreamSource(StreamSearch search, const RedisOptions& redis, InputWait& wait);

  bool next(std::string& item) override;

 private:
  void read_page(internal::Connection& redis);

  std::string end_;  // the id of the last entry; empty: not known yet
  std::string from_ = "-";
  bool done_ = false;
};

}  // namespace wq::push
