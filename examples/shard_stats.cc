// Statistics of the images in tar shards (WebDataset). Each item is the path of a shard; its totals
// are whole numbers, which add up without a rounding error.
//
//   wq-push shards 'train-{000..399}.tar'
//   shard_stats --queue shards --concurrency 4
//   wqctl totals shards --json | examples/mean_and_deviation
//
// shard_stats.py does the same as a coprocess, with the same totals to the last digit.

#include <array>
#include <clocale>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <vector>

#include <archive.h>
#include <archive_entry.h>
#include <spng.h>
#include <strings.h>
#include <turbojpeg.h>

#include <wq/worker_main.h>

namespace {

using namespace std::string_literals;
using Bytes = std::vector<unsigned char>;
using Archive = std::unique_ptr<archive, decltype(&archive_read_free)>;

/// A shard or an image that cannot be read, now or later.
struct Unreadable : std::runtime_error {
  using runtime_error::runtime_error;
};

constexpr std::array<const char*, 3> kChannels{"red", "green", "blue"};

struct Stats {
  std::uint64_t images = 0;
  std::uint64_t pixels = 0;
  std::array<std::uint64_t, 3> sums{};  // of each channel
  std::array<std::uint64_t, 3> squares{};
};

// Both decoders give 8 bits of red, green and blue for each pixel, and leave out transparency.
Bytes decode_png(const Bytes& file) {
  const std::unique_ptr<spng_ctx, decltype(&spng_ctx_free)> png(spng_ctx_new(0), spng_ctx_free);
  Bytes rgb;
  std::size_t size = 0;
  int error = spng_set_png_buffer(png.get(), file.data(), file.size());
  if (error == 0) error = spng_decoded_image_size(png.get(), SPNG_FMT_RGB8, &size);
  if (error == 0) {
    rgb.resize(size);
    error = spng_decode_image(png.get(), rgb.data(), size, SPNG_FMT_RGB8, 0);
  }
  if (error != 0) throw Unreadable(spng_strerror(error));
  return rgb;
}

Bytes decode_jpeg(const Bytes& file) {
  const std::unique_ptr<void, decltype(&tjDestroy)> jpeg(tjInitDecompress(), tjDestroy);
  Bytes rgb;
  int width = 0, height = 0, subsampling = 0, colors = 0;
  bool good = tjDecompressHeader3(jpeg.get(), file.data(), file.size(), &width, &height,
                                  &subsampling, &colors) == 0;
  if (good) {
    rgb.resize(std::size_t{3} * static_cast<std::size_t>(width) * static_cast<std::size_t>(height));
    good = tjDecompress2(jpeg.get(), file.data(), file.size(), rgb.data(), width, 0, height,
                         TJPF_RGB, 0) == 0;
  }
  if (!good) throw Unreadable(tjGetErrorStr2(jpeg.get()));
  return rgb;
}

void add(const Bytes& rgb, Stats& stats) {
  for (std::size_t i = 0; i < rgb.size(); ++i) {
    const std::uint64_t value = rgb[i];
    stats.sums[i % 3] += value;
    stats.squares[i % 3] += value * value;
  }
  ++stats.images;
  stats.pixels += rgb.size() / 3;
}

void check(archive* shard, la_ssize_t result) {
  if (result < ARCHIVE_OK) {
    const char* reason = archive_error_string(shard);
    throw Unreadable(reason != nullptr ? reason : "not a readable tar archive");
  }
}

/// A shard also holds labels, captions and the like, told by their names.
bool is_image(const char* name) {
  const char* suffix = std::strrchr(name, '.');
  return suffix != nullptr && (strcasecmp(suffix, ".png") == 0 || strcasecmp(suffix, ".jpg") == 0 ||
                               strcasecmp(suffix, ".jpeg") == 0);
}

// What the head of a broken shard claims is not allocated.
constexpr std::int64_t kLargestFile = std::int64_t{256} << 20U;

/// Returns early, with the numbers so far, when `stop` is requested.
Stats read_shard(const std::string& path, const std::stop_token& stop) {
  const Archive shard(archive_read_new(), archive_read_free);
  check(shard.get(), archive_read_support_format_tar(shard.get()));
  check(shard.get(), archive_read_open_filename(shard.get(), path.c_str(), 65'536));
  Stats stats;
  archive_entry* entry = nullptr;
  while (!stop.stop_requested()) {
    const int result = archive_read_next_header(shard.get(), &entry);
    if (result == ARCHIVE_EOF) break;
    check(shard.get(), result);
    const char* name = archive_entry_pathname(entry);
    if (name == nullptr || archive_entry_filetype(entry) != AE_IFREG || !is_image(name)) continue;
    if (archive_entry_size(entry) > kLargestFile) throw Unreadable(name + ": it is too large"s);
    Bytes file(static_cast<std::size_t>(archive_entry_size(entry)));
    check(shard.get(), archive_read_data(shard.get(), file.data(), file.size()));
    try {
      add(!file.empty() && file[0] == 0x89 ? decode_png(file) : decode_jpeg(file), stats);
    } catch (const Unreadable& error) {
      throw Unreadable(name + ": "s + error.what());
    }
  }
  return stats;
}

wq::Outcome stats_of_shard(const wq::Job& job) {
  try {
    const Stats stats = read_shard(std::string(job.item), job.stop);
    if (job.stop.stop_requested()) return wq::Outcome::release();
    auto outcome = wq::Outcome::complete();
    outcome.totals = {wq::Total::sum("images", stats.images),
                      wq::Total::sum("pixels", stats.pixels)};
    for (std::size_t i = 0; i < kChannels.size(); ++i) {
      outcome.totals.push_back(wq::Total::sum(kChannels[i] + " sum"s, stats.sums[i]));
      outcome.totals.push_back(wq::Total::sum(kChannels[i] + " squares"s, stats.squares[i]));
    }
    return outcome;
  } catch (const Unreadable& error) {
    return wq::Outcome::fatal(error.what());  // no use in trying again
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::setlocale(LC_CTYPE, "C.UTF-8");  // or libarchive refuses names beyond ASCII
  return wq::worker_main(argc, argv, stats_of_shard);
}
