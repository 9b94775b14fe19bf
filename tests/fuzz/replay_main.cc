// Runs the files and folders named on the command line through a fuzz target, without libFuzzer and
// with any compiler: what was found once is tried for ever.

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <unistd.h>

#include "fuzz/fuzz.h"

namespace {

namespace fs = std::filesystem;

std::vector<fs::path> files_of(const std::vector<std::string>& names) {
  std::vector<fs::path> files;
  for (const std::string& name : names) {
    if (!fs::is_directory(name)) {
      files.emplace_back(name);
      continue;
    }
    for (const auto& entry : fs::directory_iterator(name)) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string bytes_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + file.string());
  return {std::istreambuf_iterator<char>(in), {}};
}

// A finding ends in abort(). That is an ordinary failure here, which a test may expect.
void fail_quietly() {
  std::signal(SIGABRT, [](int) { ::_exit(1); });
}

}  // namespace

int main(int argc, char** argv) {
  fail_quietly();
  const std::vector<fs::path> files = files_of({argv + 1, argv + argc});
  if (files.empty()) {
    std::fprintf(stderr, "no files to run\n");
    return 2;
  }
  for (const fs::path& file : files) {
    std::fprintf(stderr, "%s\n", file.c_str());
    const std::string bytes = bytes_of(file);
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  }
  std::fprintf(stderr, "%zu files\n", files.size());
  return 0;
}
