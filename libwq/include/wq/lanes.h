#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <wq/export.h>
#include <wq/producer.h>
#include <wq/redis_options.h>

namespace wq {

/// Lanes: queues that are filled and worked off as one. The lanes of `jobs` are `{jobs:0}`,
/// `{jobs:1}` and so on; in a Redis Cluster they lie on different nodes. A producer that fills them
/// records their number in Redis, as the field `lanes` of the statistics of each lane.
inline constexpr std::size_t kMostLanes = 256;

/// The names of the lanes, in order. Throws `std::invalid_argument` for a number other than 1 to
/// `kMostLanes`, and for a name that has a brace or cannot be a queue's.
[[nodiscard]] WQ_API std::vector<std::string> lane_names(const std::string& queue,
                                                         std::size_t lanes);

/// The lane of whatever has this key: the same in every program and version.
[[nodiscard]] WQ_API std::size_t lane_of(std::string_view key, std::size_t lanes);

/// The order in which a worker of this name looks for items: its home lane, then the others. From
/// rendezvous hashing: workers are spread over the lanes, and each has its own order of the rest.
[[nodiscard]] WQ_API std::vector<std::size_t> lane_order(std::string_view worker,
                                                         std::size_t lanes);

/// The key of `--lanes-by-hash`: the item up to its first tab or blank.
[[nodiscard]] WQ_API std::string_view lane_key(std::string_view item);

/// The number of lanes that a producer has recorded; none if nothing was pushed yet. Throws
/// `ConnectionError`, `ReplyError`, `std::invalid_argument` for a name that lanes cannot have, and
/// `ProtocolError` if the record is no number of lanes.
[[nodiscard]] WQ_API std::optional<std::size_t> recorded_lanes(const std::string& queue,
                                                               const RedisOptions& redis,
                                                               std::stop_token stop = {});

/// Fills the lanes of a queue, with a `Producer` each: what that says holds for every lane. No lane
/// is drained before `finish` or the end of the object, nor before all have begun, which they do
/// with the first item.
///
/// Thread-safe: calls for one lane are serialised. A report sums up what the lanes say one by one.
class WQ_API LaneProducer {
 public:
  /// Throws as `Producer` does, and `RefusedError` if another number of lanes is recorded. With
  /// `unless_drained` `std::invalid_argument`: a lane may be empty while the others are not.
  LaneProducer(const std::string& queue, std::size_t lanes, const RedisOptions& redis,
               const ProducerOptions& options = {}, const std::stop_token& stop = {});
  ~LaneProducer();
  LaneProducer(const LaneProducer&) = delete;
  LaneProducer& operator=(const LaneProducer&) = delete;

  /// To the lane of the once-key, if the item has one or `ProducerOptions::once` makes the item its
  /// own: so producers push it once to all lanes together. (Follow-ups stay in the lane of their
  /// item, which knows nothing of the once-keys of other lanes.) Else to that of `key`, or in turn.
  void push(const PushItem& item, std::optional<std::string_view> key = std::nullopt);
  void flush();
  PushReport confirm();
  PushReport finish();
  [[nodiscard]] PushReport report() const;

 private:
  class Lanes;
  std::unique_ptr<Lanes> lanes_;
};

}  // namespace wq
