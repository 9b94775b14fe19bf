#include "bench/item_maker.h"

#include <algorithm>
#include <fstream>
#include <stdexcept>

namespace wq::bench {
namespace {

constexpr std::string_view kHead = "item-";

}  // namespace

ItemMaker::ItemMaker(char mark) {
  text_.fill('0');
  std::copy(kHead.begin(), kHead.end(), text_.begin());
  text_[kHead.size()] = mark;
}

std::string_view ItemMaker::next() noexcept {
  if (begun_) {
    // Counts in the text itself.
    std::size_t digit = text_.size() - 1;
    for (; text_[digit] == '9'; --digit) text_[digit] = '0';
    ++text_[digit];
  }
  begun_ = true;
  return {text_.data(), text_.size()};
}

void write_items(const std::string& path, std::uint64_t n) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  ItemMaker maker;
  for (std::uint64_t i = 0; i < n; ++i) file << maker.next() << '\n';
  if (!file.flush()) throw std::runtime_error("cannot write " + path);
}

}  // namespace wq::bench
