// The straight run: totals of plain files in one process, without a queue, as one JSON object.
//
//   find . -type f | file_digest

#include <array>
#include <cerrno>
#include <exception>
#include <fstream>
#include <iostream>
#include <string>
#include <string_view>
#include <system_error>

#include <nlohmann/json.hpp>

#include "digest.h"

namespace {

example::Totals read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    throw std::system_error(errno, std::generic_category(), path);
  }
  example::FileReader file(path);
  std::array<char, 65'536> buffer{};
  while (in.read(buffer.data(), buffer.size()), in.gcount() > 0) {
    file.add(std::string_view(buffer.data(), static_cast<std::size_t>(in.gcount())));
  }
  if (in.bad()) {
    throw std::system_error(errno, std::generic_category(), path);
  }
  return file.finish();
}

}  // namespace

int main() {
  try {
    example::Totals totals;
    for (std::string path; std::getline(std::cin, path);) {
      totals += read_file(path);
    }
    std::cout << nlohmann::json(totals).dump() << '\n';
  } catch (const std::exception& error) {
    std::cerr << "file_digest: " << error.what() << '\n';
    return 1;
  }
}
