#include <algorithm>
#include <cstdint>
#include <mutex>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include <wq/error.h>
#include <wq/lanes.h>
#include <wq/lease.h>

#include "base/keys.h"
#include "base/printable.h"
#include "base/random.h"
#include "base/whole_number.h"
#include "queue/server_check.h"
#include "redis/reconnecting_connection.h"

namespace wq {
namespace {

using internal::Connection;
using internal::Key;
using internal::Keys;
using internal::ReconnectingConnection;

// Read with HMGET, which producers may call: HGET needs a right of its own.
constexpr const char* kLanesField = "lanes";

std::uint64_t lane_weight(std::string_view text) {
  const ItemHash hash = hash_item(text);
  return std::stoull(std::string(hash.data(), 16), nullptr, 16);
}

void check_lanes(const std::string& lane, const std::string& recorded, std::size_t lanes) {
  if (recorded == std::to_string(lanes)) return;
  throw RefusedError(
      fmt::format("{} is recorded as one of {} lanes, not of {}; use --lanes {}, or purge each of "
                  "the {} lanes first",
                  internal::printable(lane), recorded, lanes, recorded, recorded));
}

// What a lane says of the number of all lanes.
std::optional<std::size_t> lanes_in(const std::string& lane, const RedisOptions& redis,
                                    std::stop_token stop) {
  const Keys keys(lane);
  ReconnectingConnection link(redis, std::move(stop), [&keys](Connection& connection) {
    static_cast<void>(check_server(connection, keys));
  });
  return link.run([&keys, &lane](Connection& connection) -> std::optional<std::size_t> {
    const auto reply = connection.call({"HMGET", keys[Key::stats], kLanesField});
    if (reply.value()[0].is_nil()) return std::nullopt;
    const std::string text(reply.value()[0].text());
    const auto number = internal::whole_number<std::size_t>(text);
    if (!number || *number < 1 || *number > kMostLanes) {
      throw ProtocolError(fmt::format("the field lanes of {} is {} and no number of lanes",
                                      internal::printable(lane), internal::printable(text)));
    }
    return *number;
  });
}

}  // namespace

std::vector<std::string> lane_names(const std::string& queue, std::size_t lanes) {
  if (lanes < 1 || lanes > kMostLanes) {
    throw std::invalid_argument(
        fmt::format("a queue has 1 to {} lanes, not {}", kMostLanes, lanes));
  }
  if (queue.find_first_of("{}") != std::string::npos) {
    throw std::invalid_argument(fmt::format(
        "the queue {} cannot have lanes: its name has a brace, and lanes put their own around it",
        internal::printable(queue)));
  }
  static_cast<void>(Keys(queue));
  std::vector<std::string> names;
  for (std::size_t lane = 0; lane < lanes; ++lane) {
    names.push_back(fmt::format("{{{}:{}}}", queue, lane));
    static_cast<void>(Keys(names.back()));
  }
  return names;
}

std::size_t lane_of(std::string_view key, std::size_t lanes) { return lane_weight(key) % lanes; }

std::vector<std::size_t> lane_order(std::string_view worker, std::size_t lanes) {
  std::vector<std::pair<std::uint64_t, std::size_t>> weights;
  for (std::size_t lane = 0; lane < lanes; ++lane) {
    weights.emplace_back(lane_weight(fmt::format("{} {}", lane, worker)), lane);
  }
  std::sort(weights.rbegin(), weights.rend());
  std::vector<std::size_t> order;
  for (const auto& [weight, lane] : weights) order.push_back(lane);
  return order;
}

std::string_view lane_key(std::string_view item) {
  return item.substr(0, item.find_first_of("\t "));
}

std::optional<std::size_t> recorded_lanes(const std::string& queue, const RedisOptions& redis,
                                          std::stop_token stop) {
  return lanes_in(lane_names(queue, 1).front(), redis, std::move(stop));
}

/// The producers, and the record.
class LaneProducer::Lanes {
 public:
  Lanes(const std::string& queue, std::size_t lanes, const RedisOptions& redis,
        const ProducerOptions& options, const std::stop_token& stop)
      : names_(lane_names(queue, lanes)),
        redis_(redis),
        stop_(stop),
        once_(options.once),
        next_(internal::random_bits() % lanes) {
    if (options.unless_drained) {
      throw std::invalid_argument("lanes cannot be refused if drained: some may be, at any time");
    }
    // All of them, and the one behind the last, which there is if there were more: lanes may have
    // been purged one by one.
    std::vector<std::string> before = names_;
    if (lanes < kMostLanes) before.push_back(lane_names(queue, lanes + 1).back());
    for (const std::string& name : before) {
      if (const auto found = lanes_in(name, redis, stop)) {
        check_lanes(name, std::to_string(*found), lanes);
      }
    }
    for (const std::string& name : names_) {
      ids_.push_back(internal::random_id());
      producers_.push_back(std::make_unique<Producer>(name, redis, options, stop));
    }
  }

  void push(const PushItem& item, std::optional<std::string_view> key) {
    const std::lock_guard lock(mutex_);
    begin();
    if (item.once_key) {
      key = item.once_key;
    } else if (once_) {
      key = item.item;
    }
    const std::size_t lane = key ? lane_of(*key, producers_.size()) : next_++ % producers_.size();
    producers_[lane]->push({&item, 1});
  }

  void flush() {
    for (const auto& each : producers_) each->flush();
  }

  PushReport confirm() {
    flush();
    for (const auto& each : producers_) each->confirm();
    return report();
  }

  PushReport finish() {
    confirm();  // no hold goes before every lane has its items
    {
      // Redis may have gone back to a time before that.
      const std::lock_guard lock(mutex_);
      if (std::exchange(begun_, false)) begin();
    }
    for (const auto& each : producers_) each->finish();
    return report();
  }

  [[nodiscard]] PushReport report() const {
    PushReport sum;
    for (const auto& each : producers_) {
      const PushReport one = each->report();
      sum.pushed += one.pushed;
      sum.skipped += one.skipped;
      sum.unknown += one.unknown;
      sum.recovered += one.recovered;
      sum.lost += one.lost;
    }
    return sum;
  }

 private:
  // A lane that gets no item must not be waited for. All holds are taken by now, so none is drained
  // early. The first lane decides between two producers that begin at the same time.
  void begin() {
    if (begun_) return;
    for (std::size_t lane = 0; lane < names_.size(); ++lane) {
      const Keys keys(names_[lane]);
      ReconnectingConnection link(redis_, stop_, [&keys](Connection& connection) {
        static_cast<void>(check_server(connection, keys));
      });
      const std::string number = std::to_string(names_.size());
      const std::string recorded = link.run([&](Connection& connection) {
        static_cast<void>(connection.call({"HSETNX", keys[Key::stats], kLanesField, number}));
        const auto reply = connection.call({"HMGET", keys[Key::stats], kLanesField});
        const auto value = reply.value()[0];
        return value.is_nil() ? number : std::string(value.text());  // purged at this moment
      });
      check_lanes(names_[lane], recorded, names_.size());
      link.run([&](Connection& connection) {
        return connection.call({"HSETNX", keys[Key::stats], "id", ids_[lane]}).value().integer();
      });
    }
    begun_ = true;
  }

  const std::vector<std::string> names_;
  const RedisOptions redis_;
  const std::stop_token stop_;
  const bool once_;
  std::mutex mutex_;
  std::vector<std::string> ids_;  // of the lanes, unless they have others
  bool begun_ = false;
  std::size_t next_;
  std::vector<std::unique_ptr<Producer>> producers_;
};

LaneProducer::LaneProducer(const std::string& queue, std::size_t lanes, const RedisOptions& redis,
                           const ProducerOptions& options, const std::stop_token& stop)
    : lanes_(std::make_unique<Lanes>(queue, lanes, redis, options, stop)) {}
LaneProducer::~LaneProducer() = default;
void LaneProducer::push(const PushItem& item, std::optional<std::string_view> key) {
  lanes_->push(item, key);
}
void LaneProducer::flush() { lanes_->flush(); }
PushReport LaneProducer::confirm() { return lanes_->confirm(); }
PushReport LaneProducer::finish() { return lanes_->finish(); }
PushReport LaneProducer::report() const { return lanes_->report(); }

}  // namespace wq
