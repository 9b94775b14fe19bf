#include "process/memory_guard.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <numeric>

#include <unistd.h>

#include "base/start_thread.h"
#include "process/process_tree.h"

namespace wq::internal {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kLongestPause{100};
constexpr std::chrono::milliseconds kShortestPause{5};

// A process may have ended, and its number be another's: then that one is counted for a moment, but
// never killed.
void add_with_descendants(pid_t pid, std::vector<pid_t>& members) {
  members.push_back(pid);
  for (std::size_t next = members.size() - 1; next < members.size(); ++next) {
    for (const pid_t child : children_of(members[next])) members.push_back(child);
  }
}

template <typename Measure>
std::uint64_t sum_over(const std::vector<pid_t>& members, Measure measure) {
  return std::transform_reduce(members.begin(), members.end(), std::uint64_t{0}, std::plus<>(),
                               measure);
}

}  // namespace

void MemoryGuard::start() {
  if (limit_bytes_ == 0) return;
  thread_ = start_thread<std::jthread>("the thread that watches memory",
                                       [this](const std::stop_token& stop) { run(stop); });
}

std::uint64_t MemoryGuard::look() {
  const std::lock_guard lock(mutex_);
  // A killed process takes a while to free its memory. The next one must not pay for that.
  const bool one_is_dying = std::any_of(watched_.begin(), watched_.end(), [](const Watched* each) {
    return each->killed_at_bytes_.has_value();
  });
  if (limit_bytes_ == 0 || one_is_dying) return limit_bytes_;

  const std::vector<Family> all = families();
  std::uint64_t total = 0;
  for (const Family& family : all) total += sum_over(family.members, most_memory_bytes);
  if (total <= limit_bytes_) return total;

  total = 0;
  std::uint64_t most = 0;
  Watched* largest = nullptr;
  for (const Family& family : all) {
    const std::uint64_t bytes = sum_over(family.members, memory_share_bytes);
    total += bytes;
    if (bytes < most) continue;
    most = bytes;
    largest = family.watched;
  }
  if (total > limit_bytes_ && largest != nullptr) {
    largest->killed_at_bytes_ = most;
    ::kill(-largest->child_, SIGKILL);
  }
  return total;
}

std::vector<MemoryGuard::Family> MemoryGuard::families() const {
  std::vector<Family> all;
  for (Watched* watched : watched_) all.push_back({watched, {}});
  // A process whose parent has ended is a child of the worker too; its group tells the family.
  for (const pid_t child : children_of(::getpid())) {
    const pid_t group = ::getpgid(child);
    const auto family = std::find_if(all.begin(), all.end(), [&](const Family& each) {
      return each.watched->child_ == child || each.watched->child_ == group;
    });
    if (family != all.end()) add_with_descendants(child, family->members);
  }
  return all;
}

void MemoryGuard::run(const std::stop_token& stop) {
  Clock::duration pause = kLongestPause;
  while (true) {
    {
      std::unique_lock lock(mutex_);
      if (!wake_.wait(lock, stop, [this] { return !watched_.empty(); })) return;
      // Not at once: most commands are short.
      wake_.wait_for(lock, stop, pause, [] { return false; });
    }
    if (stop.stop_requested()) return;
    const auto begin = Clock::now();
    try {
      const std::uint64_t used = look();
      pause = pause_before_look(used, limit_bytes_, Clock::now() - begin);
    } catch (...) {  // no memory for a look, which is when the next one matters most
      pause = kShortestPause;
    }
  }
}

bool MemoryGuard::claim_oom_kill(std::uint64_t before) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t known = std::max(before, oom_kills_claimed_);
  if (oom_kills() <= known) return false;
  oom_kills_claimed_ = known + 1;
  return true;
}

Clock::duration pause_before_look(std::uint64_t used, std::uint64_t limit,
                                  Clock::duration last_look) {
  // Looking is not to take more than a tenth of the time, unless a look takes very long.
  const auto shortest = std::clamp<Clock::duration>(10 * last_look, kShortestPause, kLongestPause);
  const double share_used = static_cast<double>(used) / static_cast<double>(limit);
  const auto pause = std::chrono::duration_cast<Clock::duration>(kLongestPause * (1 - share_used));
  return std::max(pause, shortest);
}

MemoryGuard::Watched::Watched(MemoryGuard& guard, pid_t child) : guard_(guard), child_(child) {
  if (guard_.limit_bytes_ == 0) return;
  const std::lock_guard lock(guard_.mutex_);
  guard_.watched_.push_back(this);
  guard_.wake_.notify_one();
}

MemoryGuard::Watched::~Watched() {
  if (guard_.limit_bytes_ == 0) return;
  const std::lock_guard lock(guard_.mutex_);
  std::erase(guard_.watched_, this);
}

std::optional<std::uint64_t> MemoryGuard::Watched::killed_at_bytes() const {
  const std::lock_guard lock(guard_.mutex_);
  return killed_at_bytes_;
}

}  // namespace wq::internal
