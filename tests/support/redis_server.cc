#include "support/redis_server.h"

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <system_error>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <wq/error.h>

#include "redis/connection.h"
#include "support/aof.h"
#include "support/eventually.h"
#include "support/free_port.h"
#include "support/paths.h"
#include "support/process.h"

namespace wq::test {
namespace {

// In the forked process: only what is safe there.
[[noreturn]] void become_redis(pid_t parent, const char* config, const char* how) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(null, fd);
  ::execl(kRedisServer, kRedisServer, config, how, nullptr);
  ::_exit(127);
}

// `how`: null, or one more argument.
pid_t start_redis(const std::string& config, const char* how) {
  const pid_t self = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) throw std::system_error(errno, std::generic_category(), "cannot fork");
  if (pid == 0) become_redis(self, config.c_str(), how);
  return pid;
}

// What the file has that the environment names; nothing if it names none.
std::string file_named_by(const char* variable) {
  const char* const path = std::getenv(variable);
  if (path == nullptr) return "";
  std::ifstream file(path);
  if (!file) throw std::runtime_error(std::string(variable) + ": cannot read " + path);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

RedisServer::RedisServer(const std::vector<std::string>& config, Reached reached) {
  const bool asked = reached == Reached::as_asked;
  std::string text = "port 0\nsave \"\"\ndaemonize no\nlogfile redis.log\nunixsocket " +
                     socket_path() + "\ndir " + folder_.path().string() + "\n" +
                     (asked ? filled(file_named_by("WQ_TEST_REDIS_CONFIG")) : "");
  for (const std::string& line : config) text += line + "\n";
  folder_.file("redis.conf", text);
  const char* const url = asked ? std::getenv("WQ_TEST_REDIS_URL") : nullptr;
  url_ = filled(url != nullptr ? url : "unix://{socket}");
  const std::string of_sentinel =
      asked ? filled(file_named_by("WQ_TEST_SENTINEL_CONFIG")) : std::string();
  if (!of_sentinel.empty()) {
    sentinel_ = start_redis(folder_.file("sentinel.conf", of_sentinel), "--sentinel");
  }
  start();
}

RedisServer::~RedisServer() {
  kill();
  if (sentinel_ < 0) return;
  ::kill(sentinel_, SIGKILL);
  while (::waitpid(sentinel_, nullptr, 0) < 0 && errno == EINTR) continue;
}

std::string RedisServer::login() const {
  const std::size_t begin = url_.find("://") + 3;
  const std::size_t end = url_.rfind('@');
  return end == std::string::npos ? "" : url_.substr(begin, end + 1 - begin);
}

std::string RedisServer::filled(std::string text) {
  const auto fill = [&text](const std::string& name, const auto& value) {
    for (std::size_t at = text.find(name); at != std::string::npos; at = text.find(name)) {
      text.replace(at, name.size(), value());
    }
  };
  const auto port = [](int& number) {
    return [&number] {
      if (number == 0) number = free_port();
      return std::to_string(number);
    };
  };
  fill("{socket}", [this] { return socket_path(); });
  fill("{folder}", [this] { return folder_.path().string(); });
  fill("{port}", port(port_));
  fill("{sentinel}", port(sentinel_port_));
  return text;
}

void RedisServer::start() {
  for (const auto& file : aof_files(folder_.path())) {
    if (is_torn(file)) mend_aof(file);
  }
  launch();
  wait_until_it_answers();
}

void RedisServer::start_unmended() {
  launch();
  try {
    wait_until_it_answers();
  } catch (const std::runtime_error&) {
    // A rewrite had begun a new file behind the torn one, which has been cut now.
    if (!log().ends_with("Fatal error: the truncated file is not the last file\n")) throw;
    launch();
    wait_until_it_answers();
  }
}

void RedisServer::launch() { pid_ = start_redis(folder_.path() / "redis.conf", nullptr); }

void RedisServer::kill() { end(SIGKILL); }
void RedisServer::stop() { end(SIGTERM); }

void RedisServer::freeze() const {
  if (::kill(pid_, SIGSTOP) != 0) throw std::runtime_error("cannot stop redis-server");
  int status = 0;
  ::waitpid(pid_, &status, WUNTRACED);
}

void RedisServer::thaw() const {
  if (::kill(pid_, SIGCONT) != 0) throw std::runtime_error("cannot continue redis-server");
}

RedisOptions RedisServer::options() const {
  RedisOptions options;
  options.url = url();
  options.log = no_log;  // tests take Redis away; who listens sets another
  return options;
}

std::string RedisServer::log() const {
  std::ifstream file(folder_.path() / "redis.log");
  return {std::istreambuf_iterator<char>(file), {}};
}

void RedisServer::end(int signal) {
  if (pid_ <= 0) return;
  // A child that rewrites the AOF outlives it.
  const std::vector<pid_t> children = signal == SIGKILL ? children_of(pid_) : std::vector<pid_t>{};
  ::kill(pid_, signal);
  for (const pid_t child : children) ::kill(child, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) continue;
  pid_ = -1;
}

void RedisServer::wait_until_it_answers() {
  const bool answers = eventually([this] {
    if (::waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = -1;
      throw std::runtime_error("redis-server ended at once: " + log());
    }
    try {
      internal::Connection connection(options());
    } catch (const RefusedError&) {  // it wants a password: an answer
    } catch (const Error&) {
      return false;
    }
    return true;
  });
  if (!answers) throw std::runtime_error("redis-server does not answer: " + log());
}

}  // namespace wq::test
