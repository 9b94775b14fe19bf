#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <wq/worker.h>

#include "child_process.h"
#include "coprocess.h"
#include "coprocess_wire.h"
#include "orphan_reaper.h"
#include "unique_fd.h"

namespace wq::internal {

/// What every slot's coprocess has in common.
struct CoprocessTerms {
  ChildSpec command;     ///< what is executed; a slot adds its number to the environment
  CoprocessHello hello;  ///< without the slot
  std::chrono::milliseconds timeout{0};  ///< without an answer or progress; zero: for ever
  std::chrono::milliseconds start_timeout{std::chrono::minutes{10}};  ///< until it is ready
  /// Before it is started again; doubled each time that it did not answer anything.
  std::chrono::milliseconds restart_delay{100};
  std::size_t results_max_bytes = std::size_t{1} << 20;
  std::size_t max_line_bytes = std::size_t{64} << 20;
  std::uint64_t memory_limit_bytes = 0;  ///< for messages
  Log log;                               ///< may be empty
};

/// One coprocess, which is started for the first batch and again whenever it ends, and the thread
/// that speaks with it. It is given one batch after the other without waiting for answers.
///
/// When it ends with several items unanswered, each of them may be why. They are tried again in
/// halves, with nothing else in the process, until what ends it is one item alone: only that one
/// is charged. Thread-safe.
class CoprocessSlot {
 public:
  /// `terms` and `reaper` must outlive this.
  CoprocessSlot(const CoprocessTerms& terms, unsigned number, OrphanReaper& reaper);
  /// Lets the process end; `begin_end` of all slots first saves time.
  ~CoprocessSlot();
  CoprocessSlot(const CoprocessSlot&) = delete;
  CoprocessSlot& operator=(const CoprocessSlot&) = delete;

  /// Settles each item of the batch, and returns when that is done. Throws `CannotRun` if the
  /// command cannot be executed or never becomes ready, `CannotGoOn` if it did before.
  void work(const Batch& batch);

  void begin_end();

 private:
  using Clock = Coprocess::Clock;
  enum class Ending { by_itself, stopped, hung, bad_line, not_ready };

  struct Call;
  struct Item {
    Call* call;
    std::size_t index;
  };
  struct Call {
    const Batch& batch;
    std::vector<Item> items;
    std::size_t open;  // not settled
    bool done = false;
    std::exception_ptr error;
    std::condition_variable changed;
  };
  // What is sent in one line.
  struct Piece {
    std::vector<Item*> items;  // null: answered
    bool alone = false;        // nothing else may be in the process
    std::uint64_t first_id = 0;
    std::size_t open = 0;
    Clock::time_point heard_at{};  // or since when it is worked on
  };

  // The thread.
  void run();
  void refuse_all();
  bool take_calls();
  void give_up_stopped();
  void start_if_due();
  void start();
  void send_pieces();
  [[nodiscard]] Clock::time_point next_deadline() const;
  void enforce_deadlines();

  void on_line(std::string_view line);
  void on_answer(CoprocessAnswer answer);
  void on_end();
  void on_end_unready(const Failure& why);
  [[nodiscard]] Failure failure();
  void charge(std::vector<Item*> suspects, const Failure& failure);
  void put_back(std::vector<Item*> items, bool alone);
  [[nodiscard]] static std::vector<Item*> open_items(const Piece& piece);
  void settle(Item& item, Outcome outcome);
  void finish(Call& call, std::exception_ptr error);
  void fail_calls(const std::exception_ptr& error);
  void release_calls();
  void bad_line(std::string_view line, std::string_view why);
  void log(std::string_view text) const;

  const CoprocessTerms& terms_;
  OrphanReaper& reaper_;
  ChildSpec command_;
  CoprocessHello hello_;
  UniqueFd wake_;

  std::mutex mutex_;
  std::vector<Call*> new_calls_;
  bool ending_ = false;

  // Of the thread.
  std::vector<Call*> calls_;
  std::deque<Piece> todo_;
  std::deque<Piece> sent_;
  std::unique_ptr<Coprocess> process_;
  bool ready_ = false;     // it has said so
  bool answered_ = false;  // it has settled an item
  bool given_ = false;     // it was given an item
  Ending ending_why_ = Ending::by_itself;
  std::uint64_t hung_id_ = 0;
  std::string bad_line_;
  std::uint64_t next_id_ = 1;
  Clock::time_point started_at_{};
  Clock::time_point start_at_{};
  bool warned_ = false;
  bool ever_ready_ = false;
  unsigned starts_failed_ = 0;
  unsigned ends_unanswered_ = 0;
  std::thread thread_;
};

}  // namespace wq::internal
