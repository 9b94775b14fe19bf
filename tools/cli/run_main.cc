#include "cli/run_main.h"

#include <csignal>
#include <new>
#include <stdexcept>

#include <wq/error.h>
#include <wq/worker.h>

#include "cli/log.h"
#include "cli/output.h"
#include "cli/terminal.h"

namespace wq::cli {

namespace {

ExitCode code_of(const std::exception& error) {
  if (dynamic_cast<const std::invalid_argument*>(&error) != nullptr) return ExitCode::usage;
  if (dynamic_cast<const RefusedError*>(&error) != nullptr) return ExitCode::usage;
  if (dynamic_cast<const CannotRun*>(&error) != nullptr) return ExitCode::usage;
  if (dynamic_cast<const ConnectionError*>(&error) != nullptr) return ExitCode::no_redis;
  return ExitCode::failure;
}

int end_by_sigpipe() {
  clear_live_text();
  std::signal(SIGPIPE, SIG_DFL);
  std::raise(SIGPIPE);
  return 128 + SIGPIPE;  // it is blocked
}

}  // namespace

ExitCode report_failure(const std::string& program, const std::exception& error) {
  const bool no_memory = dynamic_cast<const std::bad_alloc*>(&error) != nullptr;
  const char* message = no_memory ? "out of memory" : error.what();
  clear_live_text();
  if (log_is_json()) {
    log(LogLevel::error, message);
  } else {
    print_error(program, message);
  }
  return code_of(error);
}

int run_main(const std::string& program, const std::function<ExitCode(Process&)>& body) {
  occupy_standard_streams();
  std::signal(SIGPIPE, SIG_IGN);
  Process process(program);
  try {
    const ExitCode code = body(process);
    flush_out();
    return static_cast<int>(code);
  } catch (const OutputClosed&) {
    return end_by_sigpipe();
  } catch (const std::exception& error) {
    return static_cast<int>(report_failure(program, error));
  }
}

std::string program_name(const char* path) {
  const std::string text = path == nullptr ? "" : path;
  return text.substr(text.find_last_of('/') + 1);
}

}  // namespace wq::cli
