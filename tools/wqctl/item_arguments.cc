#include "wqctl/item_arguments.h"

#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>

#include <fmt/format.h>

#include "cli/output.h"

namespace wq::ctl {

namespace {

std::string all_of(std::istream& input, const std::string& name) {
  try {
    if (input) return {std::istreambuf_iterator<char>(input), {}};
  } catch (const std::ios_base::failure&) {  // a folder can be opened and not read
  }
  throw cli::UsageError(fmt::format("cannot read {}", cli::one_line(name)));
}

}  // namespace

void ItemArguments::declare(cli::Options& options) {
  options.add_switch("null,0", null_ended_, "items from standard input, each ended by a NUL byte");
  options.add_list("file", cli::Value::file(), files_,
                   "the contents of FILE, byte for byte, are an item");
}

bool ItemArguments::given(const Target& target) const {
  return null_ended_ || !files_.empty() || !target.more.empty();
}

std::vector<cli::Argument> item_arguments() {
  return {{cli::Value::queue()},
          {.value = cli::Value::text("ITEM"), .optional = true, .many = true}};
}

std::vector<std::string> ItemArguments::read(const Target& target) const {
  std::vector<std::string> items = target.more;
  for (const std::string& path : files_) {
    std::ifstream file(path, std::ios::binary);
    items.push_back(all_of(file, path));
  }
  if (!null_ended_) return items;
  const std::string input = all_of(std::cin, "standard input");
  for (std::size_t begin = 0; begin < input.size();) {
    const std::size_t end = std::min(input.find('\0', begin), input.size());
    items.push_back(input.substr(begin, end - begin));
    begin = end + 1;
  }
  return items;
}

}  // namespace wq::ctl
