#include "wq-push/decompressor.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <new>

#include <fmt/format.h>
#include <zlib.h>
#include <zstd.h>

#include "wq-push/item_source.h"

namespace wq::push {

namespace {

constexpr std::size_t kPiece = std::size_t{64} * 1024;

[[noreturn]] void damaged(const char* kind, const char* why) {
  throw InputError(fmt::format("the {} data is damaged ({})", kind, why));
}

class Gzip : public Decompressor {
 public:
  Gzip() {
    constexpr int kGzipOnly = 16;
    if (inflateInit2(&stream_, MAX_WBITS + kGzipOnly) != Z_OK) throw std::bad_alloc();
  }
  ~Gzip() override { inflateEnd(&stream_); }

  std::string_view next(std::string_view& input) override {
    while (true) {
      // Files are padded with zeros on some media.
      if (complete_) input.remove_prefix(std::min(input.find_first_not_of('\0'), input.size()));
      // Without input there may still be output that did not fit the last time.
      if (input.empty() && (complete_ || !filled_)) return {};
      if (complete_ && inflateReset(&stream_) != Z_OK) throw std::bad_alloc();
      const std::size_t size = step(input);
      if (size > 0) return {piece_.data(), size};
    }
  }

  bool complete() const noexcept override { return complete_; }

 private:
  std::size_t step(std::string_view& input) {
    // zlib does not write to its input.
    stream_.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(input.data()));  // NOLINT
    stream_.avail_in = static_cast<uInt>(input.size());
    stream_.next_out = reinterpret_cast<Bytef*>(piece_.data());
    stream_.avail_out = kPiece;
    const int result = inflate(&stream_, Z_NO_FLUSH);
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
      damaged("gzip", stream_.msg == nullptr ? zError(result) : stream_.msg);
    }
    input.remove_prefix(input.size() - stream_.avail_in);
    complete_ = result == Z_STREAM_END;
    filled_ = stream_.avail_out == 0;
    return kPiece - stream_.avail_out;
  }

  z_stream stream_{};
  bool complete_ = false;
  bool filled_ = false;  // the last piece
  std::array<char, kPiece> piece_{};
};

class Zstd : public Decompressor {
 public:
  Zstd() {
    if (!stream_) throw std::bad_alloc();
  }

  std::string_view next(std::string_view& input) override {
    while (!input.empty() || filled_) {
      ZSTD_inBuffer in{input.data(), input.size(), 0};
      ZSTD_outBuffer out{piece_.data(), piece_.size(), 0};
      const std::size_t left = ZSTD_decompressStream(stream_.get(), &out, &in);
      if (ZSTD_isError(left) != 0) damaged("zstd", ZSTD_getErrorName(left));
      input.remove_prefix(in.pos);
      filled_ = out.pos == out.size;
      // Without input it speaks of the frame that would begin then.
      if (in.size > 0 || out.pos > 0) complete_ = left == 0;
      if (out.pos > 0) return {piece_.data(), out.pos};
    }
    return {};
  }

  bool complete() const noexcept override { return complete_; }

 private:
  struct Free {
    void operator()(ZSTD_DStream* stream) const noexcept { ZSTD_freeDStream(stream); }
  };
  const std::unique_ptr<ZSTD_DStream, Free> stream_{ZSTD_createDStream()};
  bool complete_ = false;
  bool filled_ = false;  // the last piece
  std::array<char, kPiece> piece_{};
};

}  // namespace

std::unique_ptr<Decompressor> make_decompressor(Compression compression) {
  switch (compression) {
    case Compression::gzip:
      return std::make_unique<Gzip>();
    case Compression::zstd:
      return std::make_unique<Zstd>();
    case Compression::none:
      break;
  }
  return nullptr;
}

}  // namespace wq::push
