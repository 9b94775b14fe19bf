#pragma once

#include <functional>
#include <string>

#include "wq-push/stream_source.h"

namespace wq::push {

/// The entries of a stream without an end: those that it holds, then those that come. A consumer
/// group of the queue remembers in Redis how far it has come, so the same command goes on where the
/// one before it ended, however that was:
///
/// - An entry that was handed to the group stays pending until it is acknowledged, which happens
///   only when its item is known to be in the queue.
/// - Entries that are pending at the beginning are given out again. The once-key, which names the
///   entry, keeps its item from being pushed twice, also if the first push arrives only now.
///
/// The once-keys stay in the queue's memory, as all do.
class StreamGroup : public StreamItems {
 public:
  /// `confirm` must return when every item that was given out is in the queue, or throw. It is
  /// called by `next`. `wait` must outlive this object.
  StreamGroup(StreamSearch search, const std::string& queue, const RedisOptions& redis,
              InputWait& wait, std::function<void()> confirm);

  /// Waits for entries; false after a stop request only.
  bool next(std::string& item) override;
  const ItemTerms* terms() const override { return &terms_; }
  void confirmed() noexcept override;

 private:
  void join(internal::Connection& redis);
  void read_page(internal::Connection& redis);
  void append_acknowledgement(internal::CommandBuffer& out) const;

  const std::string group_;
  const std::function<void()> confirm_;
  std::uint64_t joined_on_ = 0;  // the generation of the link; 0: the group may not be there
  bool said_ = false;
  bool pending_ = true;  // entries that were handed out before are read first
  ItemTerms terms_;
};

}  // namespace wq::push
