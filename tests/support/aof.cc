#include "support/aof.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <utility>

#include "support/paths.h"
#include "support/process.h"

namespace wq::test {
namespace {

constexpr std::string_view kMulti = "*1\r\n$5\r\nMULTI\r\n";
constexpr std::string_view kExec = "*1\r\n$4\r\nEXEC\r\n";

// What redis-check-aof says; nothing if all is well.
std::optional<std::string> fault_in(const std::filesystem::path& file) {
  if (std::filesystem::file_size(file) == 0) return std::nullopt;
  Process check({kRedisCheckAof, file.string()});
  if (check.wait() == 0) return std::nullopt;
  return check.out();
}

}  // namespace

std::vector<std::filesystem::path> aof_files(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& file : std::filesystem::recursive_directory_iterator(folder)) {
    const std::string name = file.path().filename();
    if (!file.is_regular_file()) continue;
    if (name.ends_with(".incr.aof") || name == "appendonly.aof") files.push_back(file.path());
  }
  const auto order = [](const std::filesystem::path& file) {
    const std::string name = file.filename();  // appendonly.aof.10.incr.aof comes behind .9.
    return std::pair(name.size(), name);
  };
  std::sort(files.begin(), files.end(),
            [&](const auto& a, const auto& b) { return order(a) < order(b); });
  return files;
}

bool is_torn(const std::filesystem::path& file) {
  const auto fault = fault_in(file);
  // A MULTI within a MULTI is an old tear, behind which Redis has written: too late to mend.
  return fault && fault->find("Unexpected MULTI") == std::string::npos;
}

bool ends_in_a_command(const std::filesystem::path& file) {
  return is_torn(file) && fault_in(file)->find("Reached EOF") == std::string::npos;
}

void mend_aof(const std::filesystem::path& file) {
  Process fix({kRedisCheckAof, "--fix", file.string()}, {.input = "y\n"});
  if (fix.wait() != 0) throw std::runtime_error("cannot mend an AOF: " + fix.out());
}

std::vector<std::string> transactions_in(const std::filesystem::path& file, std::size_t bytes) {
  std::ifstream in(file, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  text.erase(0, text.size() - std::min(text.size(), bytes));
  std::vector<std::string> found;
  for (std::size_t begin = text.find(kMulti); begin != std::string::npos;) {
    const std::size_t exec = text.find(kExec, begin);
    if (exec == std::string::npos) break;
    found.push_back(text.substr(begin, exec + kExec.size() - begin));
    begin = text.find(kMulti, exec);
  }
  return found;
}

void append_to_aof(const std::filesystem::path& file, std::string_view bytes) {
  std::ofstream out(file, std::ios::binary | std::ios::app);
  if (!out.write(bytes.data(), static_cast<std::streamsize>(bytes.size())).flush()) {
    throw std::runtime_error("cannot write to " + file.string());
  }
}

}  // namespace wq::test
