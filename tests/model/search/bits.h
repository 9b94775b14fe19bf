#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>

namespace wq::test::search {

/// Writes numbers of a few bits each into an array of words. Throws `std::length_error` if one has
/// more bits than it may have: the bounds of the search are too large.
template <typename Code>
class BitWriter {
 public:
  template <typename Number>
  void operator()(Number number, unsigned bits) {
    const auto value = static_cast<std::uint64_t>(number);
    if (value >> bits != 0) throw std::length_error("a number of the state is out of bounds");
    if (used_ + bits > 64) {
      ++word_;
      used_ = 0;
    }
    if (word_ == code.size()) throw std::length_error("the state needs more bits");
    code[word_] |= value << used_;
    used_ += bits;
  }

  Code code{};

 private:
  std::size_t word_ = 0;
  unsigned used_ = 0;  // bits of the word
};

/// Reads what a `BitWriter` wrote.
template <typename Code>
class BitReader {
 public:
  explicit BitReader(const Code& code) : code_(code) {}

  template <typename Number>
  void operator()(Number& number, unsigned bits) {
    if (used_ + bits > 64) {
      ++word_;
      used_ = 0;
    }
    number = static_cast<Number>(code_.at(word_) >> used_ & ((std::uint64_t{1} << bits) - 1));
    used_ += bits;
  }

 private:
  const Code& code_;
  std::size_t word_ = 0;
  unsigned used_ = 0;
};

}  // namespace wq::test::search
