#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <wq/worker.h>

#include "base/unique_fd.h"
#include "command/command_options.h"
#include "coprocess/coprocess.h"
#include "coprocess/wire.h"
#include "process/child_process.h"
#include "process/orphan_reaper.h"

namespace wq::internal {

/// The configuration that the coprocesses of all slots share.
struct CoprocessConfig {
  CommandOptions options;
  ChildSpec command{};  ///< what is executed; a slot adds its number to the environment
  std::size_t max_line_bytes = std::size_t{64} << 20U;
};

/// The shared state of the slots of a worker.
struct CoprocessRecord {
  std::atomic<bool> useful{false};         ///< an answer was accepted
  std::atomic<unsigned> protocol_ends{0};  ///< items that alone ended a process of this kind before
};

/// One coprocess, which is started by `prepare` and again whenever it has ended and is needed, and
/// the thread that speaks with it. It is given one batch after the other without waiting for
/// answers. Items that it is not ready for within a second are released, unless they are among
/// those that ended one.
///
/// A process that ends with code 0 and has answered an item leaves to be replaced: what it did not
/// answer costs nothing.
///
/// When it ends with several items unanswered, each of them may be why. They are tried again in
/// halves, with nothing else in the process, until a single item ends it: only that item
/// is charged. Thread-safe.
class CoprocessSlot {
 public:
  /// `config`, `reaper` and `record` must outlive this.
  CoprocessSlot(const CoprocessConfig& config, unsigned number, OrphanReaper& reaper,
                CoprocessRecord& record);
  /// Lets the process end; `begin_end` of all slots first saves time.
  ~CoprocessSlot();
  CoprocessSlot(const CoprocessSlot&) = delete;
  CoprocessSlot& operator=(const CoprocessSlot&) = delete;

  /// Returns when a process is ready for items, or `stop` is requested; at once if there is one.
  /// When it is requested, then or later, no process is started any more, one that is not ready or
  /// has nothing to do ends, and items that are not begun are released. Throws as `work`.
  void prepare(const std::stop_token& stop);

  /// Settles each item of the batch, and returns when that is done. Throws `CannotRun` if the
  /// command cannot be executed, never becomes ready or never gives an answer, `CannotGoOn` if it
  /// did before.
  void work(const Batch& batch);

  void begin_end();

 private:
  // Items without a ready process after this time are released.
  static constexpr std::chrono::milliseconds kLongestWait{1'000};

  using Clock = Coprocess::Clock;
  enum class Ending { by_itself, stopped, hung, bad_line, not_ready };
  enum class Suspected { no, yes };  // of having ended a process
  struct Wake {                      // so that a stop callback has a type
    const UniqueFd& event;
    void operator()() const noexcept;
  };

  struct Call;
  struct Item {
    Call* call;
    std::size_t index;
    std::string checkpoint{};  // the last that a process gave for it; empty: that of the lease
  };
  struct Call {
    const Batch& batch;
    std::vector<Item> items;
    std::size_t open;  // not settled
    bool done = false;
    std::exception_ptr error;
    std::condition_variable changed;
  };
  // The items of one line.
  struct Piece {
    std::vector<Item*> items;  // null: answered
    bool alone = false;        // nothing else may be in the process
    // If no process is ready for it by then it is released. Never, for what may have ended one.
    Clock::time_point give_back_at = Clock::time_point::max();
    std::uint64_t first_id = 0;
    std::size_t open = 0;
    Clock::time_point heard_at{};  // or since when it is worked on
    bool begun = false;            // it has written something
  };

  // The thread, and its process; see slot.cc.
  void run();
  void refuse_all();
  void end_if_stopping();
  void start_if_due();
  void start();
  void start_later(std::string_view why);
  void retire_if_due();
  [[nodiscard]] bool accepts() const;
  void tell_if_it_accepts();
  [[nodiscard]] Clock::time_point next_deadline() const;
  [[nodiscard]] Clock::time_point process_deadline() const;
  void enforce_deadlines();
  void on_end();
  void on_useless_end(const Failure& why);
  void restart_later(bool halved, bool left);
  [[nodiscard]] Failure failure();
  void log(std::string_view text) const;

  // The lines of the process; see items.cc.
  void on_line(std::string_view line);
  void set_reduction(std::vector<Total>& totals) const;
  void on_answer(CoprocessAnswer answer);
  void bad_line(std::string_view line, std::string_view why);

  // Its items; see items.cc too.
  bool take_calls();
  void give_up_stopped();
  void give_back_late();
  void send_pieces();
  void send_front(std::size_t most);
  void put_back(std::vector<Item*> items, bool alone, Suspected suspected);
  [[nodiscard]] static std::vector<Item*> open_items(const Piece& piece);
  void charge(std::vector<Item*> suspects, const Failure& failure);
  void blame_the_program(Item& item, const Failure& failure);
  void settle(Item& item, Outcome outcome);
  void finish(Call& call, std::exception_ptr error);
  void fail_calls(const std::exception_ptr& error);
  void release_todo();

  const CoprocessConfig& config_;
  OrphanReaper& reaper_;
  CoprocessRecord& record_;
  ChildSpec command_;
  CoprocessHello hello_;
  UniqueFd wake_;

  std::mutex mutex_;
  std::condition_variable_any prepared_;
  std::vector<Call*> new_calls_;
  bool ending_ = false;
  unsigned wanted_by_ = 0;      // calls of `prepare` that wait
  bool accepts_items_ = false;  // the last reported state
  std::exception_ptr error_;    // for `prepare`
  std::stop_token stop_;
  std::optional<std::stop_callback<Wake>> on_stop_;

  // Of the thread.
  std::vector<Call*> calls_;
  std::deque<Piece> todo_;
  std::deque<Piece> sent_;
  bool is_wanted_ = false;  // copies of what is guarded
  bool stopping_ = false;
  bool stop_seen_ = false;
  std::unique_ptr<Coprocess> process_;
  bool ready_ = false;     // it has sent its greeting
  bool retiring_ = false;  // it was given all that it may be
  bool answered_ = false;  // it has settled an item
  bool given_ = false;     // it was given an item
  Ending ending_why_ = Ending::by_itself;
  std::uint64_t hung_id_ = 0;
  std::string bad_line_;
  std::uint64_t next_id_ = 1;
  Clock::time_point started_at_{};
  Clock::time_point start_at_{};
  bool warned_ = false;
  unsigned useless_ends_ = 0;  // in a row, for which no item can be blamed
  unsigned ends_unanswered_ = 0;
  std::thread thread_;
};

}  // namespace wq::internal
