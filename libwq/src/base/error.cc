#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

#include <wq/error.h>

namespace wq {
namespace {

constexpr std::array<std::string_view, 13> kTransient = {
    "ASK",      "BUSY", "CLUSTERDOWN", "LOADING",  "MASTERDOWN", "MISCONF",  "NOREPLICAS",
    "NOSCRIPT", "OOM",  "READONLY",    "TRYAGAIN", "UNBLOCKED",  "EXECABORT"};

bool is_code(std::string_view word) {
  return !word.empty() && std::all_of(word.begin(), word.end(), [](unsigned char c) {
    return std::isupper(c) != 0 || c == '_';
  });
}

std::string_view first_word(std::string_view text) { return text.substr(0, text.find(' ')); }

constexpr std::string_view kAborted = "EXECABORT Transaction discarded because of: ";

// The texts of ERR if a script calls a command that the user may not run: Redis 6.2 and 7.0, then
// 7.2 and later.
constexpr std::array<std::string_view, 2> kRefusedInScript = {"The user executing the script can't",
                                                              "ACL failure in script"};

// If Redis refuses a whole transaction, the reason follows the colon. Redis before 7.0 answers a
// failing script with "ERR Error running script (call to f_...): @user_script:3: -OOM command not
// allowed ...": the code is the word after the last ": " that looks like a code.
std::string_view code_of(std::string_view message) {
  if (message.starts_with(kAborted)) {
    const std::string_view cause = first_word(message.substr(kAborted.size()));
    if (is_code(cause)) return cause;
  }
  for (const std::string_view refused : kRefusedInScript) {
    if (message.find(refused) != std::string_view::npos) return "NOPERM";
  }
  const std::string_view outer = first_word(message);
  if (message.find("Error running script") != std::string_view::npos) {
    for (std::size_t at = message.find(": "); at != std::string_view::npos;
         at = message.find(": ", at + 2)) {
      std::string_view word = first_word(message.substr(at + 2));
      if (word.starts_with('-')) word.remove_prefix(1);
      if (is_code(word)) return word;
    }
  }
  return outer;
}

}  // namespace

ReplyError::ReplyError(const std::string& message) : Error(message), code_(code_of(message)) {}

bool ReplyError::transient() const noexcept {
  if (std::find(kTransient.begin(), kTransient.end(), code_) != kTransient.end()) return true;
  // Also of a cluster node: "max number of clients + cluster connections reached". The rest of a
  // message may hold anything, such as arguments of a command.
  return code_ == "ERR" && std::string_view(what()).starts_with("ERR max number of clients");
}

}  // namespace wq
