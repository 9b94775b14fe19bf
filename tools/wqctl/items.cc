#include "wqctl/items.h"

#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>

#include <fmt/format.h>

#include "cli/log.h"
#include "cli/output.h"
#include "cli/units.h"
#include "wqctl/view/json.h"
#include "wqctl/view/listing.h"

namespace wq::ctl {

namespace {

constexpr std::size_t kAtOnce = 100;
// How many entries are searched for an item that was not changed.
constexpr std::size_t kMaxScan = 100'000;

/// Where an item is that was not changed.
struct Place {
  std::optional<ItemState> state;  // nothing: not found
  bool searched_all = true;
};

Place place_of(Admin& admin, const std::string& item, Changed answer) {
  if (answer == Changed::leased) return {ItemState::leased};
  const Inspection inspection = admin.inspect(item, kMaxScan);
  if (!inspection.found.empty()) return {inspection.found.front().state};
  return {std::nullopt, inspection.complete};
}

std::string place_text(const Place& place) {
  if (place.state) return fmt::format("it is {}", state_name(*place.state));
  return place.searched_all ? "it is not in the queue" : "it was not found";
}

std::string answer_json(const std::string& item, const std::string& result) {
  Json json;
  put_bytes(json, "item", item);
  json["result"] = result;
  return json_line(json) + "\n";
}

std::string left_alone_json(const std::string& item, const Place& place) {
  Json json;
  put_bytes(json, "item", item);
  json["result"] = "left_alone";
  json["state"] = place.state ? Json(state_name(*place.state)) : Json();
  if (!place.state) json["searched_all"] = place.searched_all;
  return json_line(json) + "\n";
}

/// "dropped 3 items", or the same as JSON.
void write_changed(std::uint64_t n, bool json, const std::string& past) {
  cli::write_out(json ? json_line({{past, n}}) + "\n"
                      : fmt::format("{} {}\n", past, cli::plural(n, "item")));
}

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

void Selection::declare(cli::Options& options) {
  items_.declare(options);
  options.add_text("match", cli::Value::text("PATTERN"), match_,
                   "items that match: * any bytes, ? one, [a-z] one of these");
  options.add_switch("all", all_, "all items");
}

void Selection::check(const Target& target) const {
  const int ways = (items_.given(target) ? 1 : 0) + (match_.empty() ? 0 : 1) + (all_ ? 1 : 0);
  if (ways == 0) {
    throw cli::UsageError("no items: name them, or use --match PATTERN or --all");
  }
  if (ways > 1) throw cli::UsageError("items, --match and --all exclude each other");
}

Selection::Result Selection::apply(Admin& admin, const Target& target, const std::string& past,
                                   const std::string& place, const Change& change) const {
  if (!items_.given(target)) {
    const std::uint64_t n = change.matching(all_ ? "*" : match_);
    write_changed(n, target.json, past);
    return {n, cli::ExitCode::done};
  }
  const std::vector<std::string> all = items_.read(target);
  const std::span<const std::string> items = all;
  std::uint64_t done = 0;
  for (std::size_t begin = 0; begin < items.size(); begin += kAtOnce) {
    const auto some = items.subspan(begin, std::min(kAtOnce, items.size() - begin));
    const std::vector<Changed> answers = change.named(some);
    for (std::size_t i = 0; i < some.size(); ++i) {
      if (answers[i] == Changed::done) {
        ++done;
        if (target.json) cli::write_out(answer_json(some[i], past));
        continue;
      }
      const Place where = place_of(admin, some[i], answers[i]);
      if (target.json) {
        cli::write_out(left_alone_json(some[i], where));
      } else {
        cli::log(LogLevel::error, fmt::format("'{}' is not {}: {}; left alone", item_text(some[i]),
                                              place, place_text(where)));
      }
    }
  }
  if (!target.json) write_changed(done, false, past);
  return {done, done == items.size() ? cli::ExitCode::done : cli::ExitCode::failure};
}

}  // namespace wq::ctl
