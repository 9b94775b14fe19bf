// Everything that runs in a signal handler here calls nothing but write(2), clock_gettime(2),
// raise(3) and arithmetic: see signal-safety(7). Memory may be in any state, and locks held.
#include "crash_report.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <limits>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

namespace wq::internal {
namespace {

constexpr std::array kSignals = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
constexpr std::size_t kMostOfItem = 200;
constexpr std::size_t kStackBytes = std::size_t{64} << 10U;

thread_local std::span<const Lease> items_here;

// A stack of its own for the signal handler, since a stack that is used up is what raises SIGSEGV
// as well. One for each thread that runs handlers.
class SignalStack {
 public:
  SignalStack() : bytes_(kStackBytes) {
    stack_t stack{};
    stack.ss_sp = bytes_.data();
    stack.ss_size = bytes_.size();
    ::sigaltstack(&stack, nullptr);
  }
  ~SignalStack() {
    stack_t none{};
    none.ss_flags = SS_DISABLE;
    ::sigaltstack(&none, nullptr);
  }
  SignalStack(const SignalStack&) = delete;
  SignalStack& operator=(const SignalStack&) = delete;

 private:
  std::vector<std::byte> bytes_;
};

// Written once, before the signals are handled.
std::string program_name;
bool as_json = false;

// Text of a fixed size.
class Line {
 public:
  void add(std::string_view text) {
    const std::size_t n = std::min(text.size(), bytes_.size() - size_);
    std::copy_n(text.begin(), n, bytes_.begin() + static_cast<std::ptrdiff_t>(size_));
    size_ += n;
  }
  void add_number(std::uint64_t number, std::size_t width = 1) {
    std::array<char, std::numeric_limits<std::uint64_t>::digits10 + 1> digits{};
    const char* end = std::to_chars(digits.begin(), digits.end(), number).ptr;
    const auto size = static_cast<std::size_t>(end - digits.begin());
    for (std::size_t i = size; i < width; ++i) add("0");
    add({digits.data(), size});
  }
  // Letters that a reader of JSON or a terminal takes for something else are written as \xNN.
  void add_bytes(std::string_view bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    for (const char c : bytes) {
      const auto code = static_cast<unsigned char>(c);
      if (c >= ' ' && c <= '~' && c != '"' && c != '\\') {
        add({&c, 1});
      } else {
        add(as_json ? "\\\\x" : "\\x");
        add(kDigits.substr(code >> 4U, 1));
        add(kDigits.substr(code & 15U, 1));
      }
    }
  }
  void write() const { static_cast<void>(!::write(STDERR_FILENO, bytes_.data(), size_)); }

 private:
  std::array<char, 2'048> bytes_{};
  std::size_t size_ = 0;
};

void add_time(Line& line) {
  using namespace std::chrono;
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  const sys_seconds second{seconds{now.tv_sec}};
  const sys_days day = floor<days>(second);
  const year_month_day date{day};
  const hh_mm_ss time{second - day};
  const std::array<std::pair<std::int64_t, char>, 6> parts{{
      {static_cast<int>(date.year()), '-'},
      {static_cast<unsigned>(date.month()), '-'},
      {static_cast<unsigned>(date.day()), 'T'},
      {time.hours().count(), ':'},
      {time.minutes().count(), ':'},
      {time.seconds().count(), '.'},
  }};
  for (const auto& [number, end] : parts) {
    line.add_number(static_cast<std::uint64_t>(number), 2);
    line.add({&end, 1});
  }
  line.add_number(static_cast<std::uint64_t>(now.tv_nsec) / 1'000'000, 3);
  line.add("Z");
}

std::string_view signal_name(int signal) {
  switch (signal) {
    case SIGSEGV:
      return "SIGSEGV";
    case SIGBUS:
      return "SIGBUS";
    case SIGFPE:
      return "SIGFPE";
    case SIGILL:
      return "SIGILL";
    default:
      return "SIGABRT";
  }
}

void add_message(Line& line, int signal) {
  line.add("crash: ");
  line.add(signal_name(signal));
  if (items_here.empty()) {
    line.add(" in a thread without an item");
  } else {
    const std::string_view item = items_here.front().item;
    line.add(" while item '");
    line.add_bytes(item.substr(0, kMostOfItem));
    line.add("'");
    if (item.size() > kMostOfItem) line.add("...");
    if (items_here.size() > 1) {
      line.add(" and ");
      line.add_number(items_here.size() - 1);
      line.add(" more were handled");
    } else {
      line.add(" was handled");
    }
  }
  line.add("; this process exits, and its items return to the queue when their leases expire");
}

void on_crash(int signal) {
  const int error = errno;
  Line line;
  if (as_json) line.add(R"({"time":")");
  add_time(line);
  if (as_json) {
    line.add(R"(","level":"error","program":")");
    line.add_bytes(program_name);
    line.add(R"(","message":")");
  } else {
    line.add(" error   ");
  }
  add_message(line, signal);
  line.add(as_json ? "\"}\n" : "\n");
  line.write();
  errno = error;
  // The disposition is the default one again (SA_RESETHAND), so this ends the process; for a fault
  // of an instruction returning would do, which would run it again.
  ::raise(signal);
}

void install(std::string_view program, bool json) {
  program_name = program;
  as_json = json;
  for (const int signal : kSignals) {
    struct sigaction before {};
    if (::sigaction(signal, nullptr, &before) != 0 || before.sa_handler != SIG_DFL) continue;
    struct sigaction action {};
    action.sa_handler = on_crash;
    action.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER | SA_ONSTACK);
    sigemptyset(&action.sa_mask);
    ::sigaction(signal, &action, nullptr);
  }
}

}  // namespace

CrashContext::CrashContext(std::span<const Lease> items) {
  static thread_local const SignalStack stack;
  items_here = items;
}
CrashContext::~CrashContext() { items_here = {}; }

void report_crashes(std::string_view program, bool json) {
  static std::once_flag installed;
  std::call_once(installed, install, program, json);
}

}  // namespace wq::internal
