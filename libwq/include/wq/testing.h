#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <wq/export.h>
#include <wq/lease.h>
#include <wq/worker.h>

/// Fake jobs and batches, to test a handler without a worker and a Redis.
///
///     wq::testing::FakeJob job("page-7.png");
///     EXPECT_EQ(job.run(read_page).result, "Chapter one");
namespace wq::testing {

/// Several items as a worker hands them out together, and the outcome of each.
class WQ_API FakeBatch {
 public:
  /// A lease for each item, in their order: of a first try, with the fences 1, 2, 3 and so on.
  /// `Batch::queue` is empty.
  explicit FakeBatch(std::vector<std::string> items, unsigned slot = 0);
  ~FakeBatch();
  FakeBatch(FakeBatch&&) noexcept;
  FakeBatch& operator=(FakeBatch&&) noexcept;

  /// To be changed before the handler is called, for a later try: `failures`, `crashes`. As with a
  /// worker, that of an item which was settled is not to be looked at.
  [[nodiscard]] std::vector<Lease>& leases() noexcept;

  /// For a handler that is called by hand; valid as long as this object, also when it is moved.
  /// `Batch::settle` is set, records the outcome, and throws as that of a worker.
  [[nodiscard]] Batch batch();

  /// Requests `Batch::stop`, before the handler is called or while it runs. Any thread.
  void request_stop() noexcept;

  /// Calls the handler in this thread and returns one outcome for each item: that from `settle`,
  /// else what it returned, or what a worker makes of an exception or of a wrong number of
  /// outcomes. `CannotRun` and `CannotGoOn` are thrown on. Unlike a worker it replaces nothing
  /// because of a stop (see `Job::stop`), so that a test sees the original outcome. Call it once.
  std::vector<Outcome> run(const BatchHandler& handler);

  /// The outcome of the item with this index if it is settled: by `Batch::settle`, and after `run`
  /// each is. Any thread. Throws `std::out_of_range` for an index that no item has.
  [[nodiscard]] std::optional<Outcome> settled(std::size_t index) const;

  /// The last checkpoint of the item with this index; empty: there was none. For the next attempt,
  /// put it into `leases`. Any thread. Throws as `settled`.
  [[nodiscard]] std::string checkpoint(std::size_t index) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// One item, for a `Handler`.
class WQ_API FakeJob {
 public:
  /// As with `FakeBatch`.
  explicit FakeJob(std::string item, unsigned slot = 0);

  [[nodiscard]] Lease& lease() noexcept;  ///< see `FakeBatch::leases`
  [[nodiscard]] Job job();                ///< see `FakeBatch::batch`
  void request_stop() noexcept;           ///< see `FakeBatch::request_stop`
  Outcome run(const Handler& handler);    ///< see `FakeBatch::run`
  [[nodiscard]] std::string checkpoint() const { return batch_.checkpoint(0); }

 private:
  FakeBatch batch_;
};

}  // namespace wq::testing
