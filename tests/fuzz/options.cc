// Command lines and environments: what was read is what was written, or it is refused; what stands
// behind "--" is never touched.

#include "cli/options.h"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "base/environment.h"
#include "base/url.h"
#include "cli/output.h"
#include "fuzz/fuzz.h"

namespace wq::fuzz {
namespace {

using Words = std::vector<std::string>;

/// A program with an option of every kind.
class Program {
 public:
  Program() : options_({.name = "fuzz", .env_prefix = "WQ_FUZZ_"}) {
    options_.add_switch("switch,s", on, "");
    options_.add_text("text,t", cli::Value::text("TEXT"), text, "");
    options_.add_list("list", cli::Value::text("TEXT"), list, "");
    options_.add_duration("duration", duration, "");
    options_.add_size("size", size, "", 1'000'000);
    options_.add_number("number,n", number, "", 2, 99);
    options_.add_choice("choice", choice, {{"one", 1}, {"two", 2}}, "");
  }

  /// The refusal, if it refuses.
  std::optional<std::string> parse(const Words& words) {
    std::vector<const char*> pointers{"fuzz"};
    for (const std::string& word : words) pointers.push_back(word.c_str());
    return refusal([&] {
      asked_for_help = !options_.parse(static_cast<int>(pointers.size()), pointers.data());
    });
  }

  [[nodiscard]] const cli::Options& options() const { return options_; }

  bool on = false;
  std::string text = "default";
  Words list;
  std::chrono::milliseconds duration{5};
  std::uint64_t size = 7;
  unsigned number = 9;
  int choice = 1;
  bool asked_for_help = false;

 private:
  cli::Options options_;
};

void any_words(const Words& words) {
  Program program;
  if (program.parse(words) || program.asked_for_help) return;
  require(program.duration.count() >= 0 && program.size <= 1'000'000, "values are in their range");
  require(program.number >= 2 && program.number <= 99, "numbers are in their range");
  require(program.choice == 1 || program.choice == 2, "a choice is one of its words");
  const auto dashes = std::find(words.begin(), words.end(), "--");
  const Words behind(dashes == words.end() ? dashes : dashes + 1, words.end());
  const Words& all = program.options().arguments();
  const std::size_t before = program.options().arguments_before_dashes();
  require(Words(all.begin() + static_cast<long>(before), all.end()) == behind,
          "what stands behind -- is handed on as it is");
}

/// The same value in each way in which it can be given.
void one_text(const std::string& value) {
  Program behind_equals;
  if (!value.empty()) {
    require(!behind_equals.parse({"--text=" + value}) && behind_equals.text == value,
            "--text=VALUE is the value");
  }
  Program next_word;
  const bool refused = next_word.parse({"--text", value}).has_value();
  require(refused || next_word.asked_for_help || next_word.text == value,
          "--text VALUE is the value, or refused");
  require(!refused || value.empty() || value.starts_with('-'), "only what looks like an option is");

  ::setenv("WQ_FUZZ_TEXT", value.c_str(), 1);
  Program environment;
  require(!environment.parse({}) && environment.text == (value.empty() ? "default" : value),
          "the variable is the value");
  Program both;
  require(!both.parse({"--text=mine"}) && both.text == "mine", "the command line wins");
  ::unsetenv("WQ_FUZZ_TEXT");
}

void any_environment(const Words& values) {
  static constexpr const char* kNames[] = {"WQ_FUZZ_SWITCH", "WQ_FUZZ_LIST",   "WQ_FUZZ_DURATION",
                                           "WQ_FUZZ_SIZE",   "WQ_FUZZ_NUMBER", "WQ_FUZZ_CHOICE",
                                           "WQ_FUZZ_NUMBRE"};
  for (std::size_t i = 0; i < std::size(kNames) && i < values.size(); ++i) {
    ::setenv(kNames[i], values[i].c_str(), 1);
  }
  any_words({});
  for (const char* name : kNames) ::unsetenv(name);
}

/// The variables of Kubernetes give a URL that means what they say, or one that is refused.
void service(const std::string& host, const std::string& port) {
  ::setenv("REDIS_SERVICE_HOST", host.c_str(), 1);
  ::setenv("REDIS_SERVICE_PORT", port.c_str(), 1);
  refusal([&] {
    const internal::RedisUrl url = internal::parse_url(internal::redis_url_from_environment());
    if (host.empty() || host.find_first_of("%@/?[]") != std::string::npos) return;
    require(url.host == host, "the host is that of the variable");
    require(port.empty() || url.port == std::stoi(port), "the port is that of the variable");
  });
  ::unsetenv("REDIS_SERVICE_HOST");
  ::unsetenv("REDIS_SERVICE_PORT");
}

/// --help and --version are meant for a terminal.
void close_standard_output() {
  const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  ::dup2(null, STDOUT_FILENO);
  ::close(null);
}

}  // namespace
}  // namespace wq::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const bool silent = (wq::fuzz::close_standard_output(), true);
  static_cast<void>(silent);
  wq::fuzz::Bytes bytes(data, size);
  switch (bytes.byte()) {
    case 't':
      wq::fuzz::one_text(bytes.word());
      break;
    case 'e':
      wq::fuzz::any_environment(bytes.words());
      break;
    case 'k': {
      const std::string host = bytes.word();
      wq::fuzz::service(host, bytes.word());
      break;
    }
    default:
      wq::fuzz::any_words(bytes.words());
  }
  return 0;
}
