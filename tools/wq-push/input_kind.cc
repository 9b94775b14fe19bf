#include "wq-push/input_kind.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace wq::push {

namespace {

using namespace std::string_view_literals;

constexpr std::array kKinds{
    InputKind{"\xef\xbb\xbf"sv, "UTF-8 with a byte-order mark"sv, ""sv},
    InputKind{"\xff\xfe"sv, "UTF-16"sv, "iconv -f UTF-16 -t UTF-8 FILE"sv},
    InputKind{"\xfe\xff"sv, "UTF-16"sv, "iconv -f UTF-16 -t UTF-8 FILE"sv},
    InputKind{"\x1f\x8b"sv, "gzip"sv, "zcat FILE"sv, Compression::gzip},
    InputKind{"\x28\xb5\x2f\xfd"sv, "zstd"sv, "zstdcat FILE"sv, Compression::zstd},
    InputKind{"\xfd\x37zXZ\0"sv, "xz"sv, "xzcat FILE"sv},
    InputKind{"BZh91AY&SY"sv, "bzip2"sv, "bzcat FILE"sv},
    InputKind{"PK\x03\x04"sv, "a zip archive"sv, "unzip -p FILE"sv},
};

}  // namespace

std::optional<InputKind> kind_of_input(std::string_view begin) {
  const auto* const found = std::find_if(kKinds.begin(), kKinds.end(), [&](const InputKind& kind) {
    return begin.starts_with(kind.begins);
  });
  if (found == kKinds.end()) return std::nullopt;
  return *found;
}

bool may_begin_a_kind(std::string_view begin) {
  return std::any_of(kKinds.begin(), kKinds.end(), [&](const InputKind& kind) {
    return begin.size() < kind.begins.size() && kind.begins.starts_with(begin);
  });
}

std::string advice(const InputKind& kind) {
  return fmt::format("it is {}, not plain text; convert it: {} | wq-push QUEUE", kind.is,
                     kind.turn);
}

}  // namespace wq::push
