#include "command/placeholder.h"

#include <algorithm>
#include <array>

namespace wq::internal {
namespace {

struct Entry {
  std::string_view text;
  ItemPart part;
};

constexpr std::array<Entry, 7> kTable{{{kDefaultMarker, ItemPart::whole},
                                       {"{.}", ItemPart::without_extension},
                                       {"{/}", ItemPart::base_name},
                                       {"{//}", ItemPart::folder},
                                       {"{/.}", ItemPart::base_name_without_extension},
                                       {"{#}", ItemPart::sequence},
                                       {"{%}", ItemPart::slot}}};

constexpr std::string_view kDigits = "0123456789";

std::string_view base_name(std::string_view item) {
  return item.substr(item.rfind('/') + 1);  // npos + 1 is 0
}

std::string_view without_extension(std::string_view item) {
  const std::size_t at = item.find_last_of("./");
  return at != std::string_view::npos && item[at] == '.' ? item.substr(0, at) : item;
}

std::string_view without_slashes_at_end(std::string_view path) {
  return path.substr(0, path.find_last_not_of('/') + 1);  // npos + 1 is 0
}

std::string_view folder(std::string_view item) {
  const std::string_view path = without_slashes_at_end(item);
  if (path.empty()) return item.empty() ? "." : "/";
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  const std::string_view before = without_slashes_at_end(path.substr(0, slash));
  return before.empty() ? "/" : before;
}

const Entry* entry_at(std::string_view word, std::size_t at) {
  const auto* const found = std::find_if(kTable.begin(), kTable.end(), [&](const Entry& entry) {
    return word.substr(at).starts_with(entry.text);
  });
  if (found == kTable.end()) return nullptr;
  const bool is_shells = found->part != ItemPart::whole && at > 0 && word[at - 1] == '$';
  return is_shells ? nullptr : found;
}

/// The text between the braces, without a number in front; nothing if it is a number alone.
bool has_shape(std::string_view inside, bool begins_word) {
  if (!inside.empty() && (inside.front() == '+' || inside.front() == '-')) inside.remove_prefix(1);
  const std::size_t digits = std::min(inside.find_first_not_of(kDigits), inside.size());
  const std::string_view signs = inside.substr(digits);
  if (signs.empty()) return digits > 0 && begins_word && inside != "0";
  return signs.find_first_not_of("./#%") == std::string_view::npos;
}

}  // namespace

std::string part_of(const Filling& filling, ItemPart part) {
  switch (part) {
    case ItemPart::whole:
      return std::string(filling.item);
    case ItemPart::without_extension:
      return std::string(without_extension(filling.item));
    case ItemPart::base_name:
      return std::string(base_name(filling.item));
    case ItemPart::folder:
      return std::string(folder(filling.item));
    case ItemPart::base_name_without_extension:
      return std::string(without_extension(base_name(filling.item)));
    case ItemPart::sequence:
      return std::to_string(filling.sequence);
    case ItemPart::slot:
      return std::to_string(filling.slot + 1);
  }
  return {};
}

std::optional<Placeholder> find_placeholder(std::string_view word, std::string_view marker,
                                            std::size_t from) {
  if (marker.empty()) return std::nullopt;
  if (marker != kDefaultMarker) {
    const std::size_t at = word.find(marker, from);
    if (at == std::string_view::npos) return std::nullopt;
    return Placeholder{at, marker.size(), ItemPart::whole};
  }
  for (std::size_t at = word.find('{', from); at != std::string_view::npos;
       at = word.find('{', at + 1)) {
    if (const Entry* entry = entry_at(word, at)) {
      return Placeholder{at, entry->text.size(), entry->part};
    }
  }
  return std::nullopt;
}

std::string_view find_unknown_placeholder(std::string_view word) {
  for (std::size_t at = word.find('{'); at != std::string_view::npos; at = word.find('{', at + 1)) {
    if ((at > 0 && word[at - 1] == '$') || entry_at(word, at) != nullptr) continue;
    const std::string_view rest = word.substr(at);
    if (const std::size_t end = rest.find("=}");
        rest.starts_with("{=") && end > 1 && end < rest.size()) {
      return rest.substr(0, end + 2);
    }
    const std::size_t end = rest.find('}');
    if (end == std::string_view::npos) return {};
    if (has_shape(rest.substr(1, end - 1), at == 0)) return rest.substr(0, end + 1);
  }
  return {};
}

std::string all_placeholders() {
  std::string list;
  for (const Entry& entry : kTable) list.append(list.empty() ? "" : ", ").append(entry.text);
  return list;
}

}  // namespace wq::internal
