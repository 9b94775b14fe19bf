#pragma once

#include <functional>
#include <span>
#include <vector>

#include <wq/worker.h>

#include "worker/intake.h"
#include "worker/scheduler.h"
#include "worker/sources.h"

namespace wq::internal {

/// Queues that the user named, each with a connection of its own, by weight or in order.
class QueueList final : public Intake {
 public:
  /// `sources`, which is empty, and what `context` refers to must outlive it.
  QueueList(std::span<const QueueShare> queues, const SourceContext& context, const OnLost& on_lost,
            Sources& sources);

  void begin() override;
  [[nodiscard]] bool can_divide(TimePoint now) override;
  void divide(std::size_t want, std::size_t ahead, TimePoint now,
              std::vector<std::size_t>& shares) override;
  void not_asked(QueueIndex queue, std::size_t items) override;
  void answered(QueueIndex queue, std::size_t asked, std::size_t popped) override;
  [[nodiscard]] TimePoint asks_again(TimePoint now) const override;
  void note_progress() override;
  void ask_at_once() override;
  [[nodiscard]] bool may_get_more(QueueIndex queue) override;
  Look look() override;
  [[nodiscard]] bool nothing_has_moved() override;
  [[nodiscard]] std::optional<std::vector<std::string>> mark_look(std::uint64_t mark) override;
  void reconnect() noexcept override;
  void tell_wait(TimePoint now, std::size_t ready_slots) override;
  [[nodiscard]] std::optional<TimePoint> wait_for_item(const ItemWait& wait) override;
  [[nodiscard]] std::vector<Counts> counts() const override;
  [[nodiscard]] std::vector<WorkerStats> stats(
      const std::vector<WorkerStats>& handlers) const override;
  void read_counts_at_end() override { static_cast<void>(look()); }
  void check(Connection& connection, const std::string& tag) const override;
  void read_counts_again() override;
  [[nodiscard]] std::vector<Body> reclaimers() override;

 private:
  Sources& sources_;
  Scheduler scheduler_;
  std::vector<bool> open_;  // by queue: may be asked
};

}  // namespace wq::internal
