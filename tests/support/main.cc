// The main of every test program: whatever machine, shell or CI job runs it, a test begins with the
// same environment. What a test wants to be there it sets itself.

#include <algorithm>
#include <array>
#include <csignal>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

// Where programs and folders are, what sanitizers and profilers read, what is said to the tests.
constexpr std::array<std::string_view, 15> kKept{
    "PATH=",         "TMPDIR=",       "LD_LIBRARY_PATH=",   "LD_PRELOAD=",
    "ASAN_OPTIONS=", "LSAN_OPTIONS=", "TSAN_OPTIONS=",      "UBSAN_OPTIONS=",
    "GTEST_",        "WQ_RANDOM_",    "LLVM_PROFILE_FILE=", "GCOV_",
    "WQ_TEST_REDIS", "WQ_TEST_SENT",  "SSL_CERT_FILE="};

void keep_little_of_the_environment() {
  std::vector<std::string> kept;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    if (std::any_of(kKept.begin(), kKept.end(),
                    [text](std::string_view name) { return text.starts_with(name); })) {
      kept.emplace_back(text);
    }
  }
  ::clearenv();
  for (const std::string& variable : kept) {
    const std::size_t equals = variable.find('=');
    ::setenv(variable.substr(0, equals).c_str(), variable.c_str() + equals + 1, 1);
  }
}

}  // namespace

int main(int argc, char** argv) {
  keep_little_of_the_environment();
  ::umask(022);
  // nohup, and a shell that runs something in the background, have some of them ignored.
  for (const int signal : {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGCHLD}) {
    std::signal(signal, SIG_DFL);
  }
  ::testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
