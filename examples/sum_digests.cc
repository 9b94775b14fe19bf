// Adds up the results of shard_digest: reads what `wqctl results` prints, and fails if an item has
// not exactly one result.
//
//   wqctl results shards | sum_digests ITEMS_FILE
//
// ITEMS_FILE has one item a line: all that were pushed.

#include <exception>
#include <fstream>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>

#include <nlohmann/json.hpp>

#include "digest.h"

namespace {

/// How many results were seen for each item that was pushed.
using Seen = std::map<std::string, unsigned>;

Seen read_items(const std::string& path) {
  std::ifstream in(path);
  Seen items;
  for (std::string item; std::getline(in, item);) {
    items[item] = 0;
  }
  if (items.empty()) {
    throw std::runtime_error(path + ": cannot be read, or has no items");
  }
  return items;
}

example::Totals add_up(std::istream& results, Seen& items) {
  example::Totals totals;
  for (std::string line; std::getline(results, line);) {
    const auto entry = nlohmann::json::parse(line);
    const auto seen = items.find(entry.at("item").get<std::string>());
    if (seen == items.end()) {
      throw std::runtime_error("a result for an item that was never pushed: " + line);
    }
    ++seen->second;
    totals += nlohmann::json::parse(entry.at("result").get<std::string>()).get<example::Totals>();
  }
  return totals;
}

void check_each_once(const Seen& items) {
  for (const auto& [item, results] : items) {
    if (results != 1) {
      throw std::runtime_error(item + " has " + std::to_string(results) + " results, not 1");
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: wqctl results QUEUE | sum_digests ITEMS_FILE\n";
    return 2;
  }
  try {
    Seen items = read_items(argv[1]);
    const example::Totals totals = add_up(std::cin, items);
    check_each_once(items);
    std::cout << nlohmann::json(totals).dump() << '\n';
  } catch (const std::exception& error) {
    std::cerr << "sum_digests: " << error.what() << '\n';
    return 1;
  }
}
