// examples/shard_stats.cc and shard_stats.py, beside a straight run without a queue.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include "e2e/programs.h"

namespace wq::test {
namespace {

using ::testing::HasSubstr;
using namespace std::string_literals;

constexpr std::size_t kShards = 48;
constexpr std::size_t kPipes[]{10, 24};              // shards that are pipes at first
constexpr const char* kPython = "/usr/bin/python3";  // of the system, as Pillow is a package of it

// Deals the icons of Debian's tango-icon-theme out to shards, each with a label. Two thirds stay as
// they are: with transparency, with a palette, a few of 16 bits. The others are stored in the other
// forms that are common. Prints how many there are.
constexpr const char* kMakeShards = R"(
import io, pathlib, sys, tarfile
from PIL import Image

FORMS = {1: ("RGB", "jpeg", {}), 3: ("L", "png", {}), 5: ("RGB", "jpeg", {"progressive": True}),
         7: ("L", "jpeg", {}), 9: ("LA", "png", {}), 11: ("1", "png", {}), 13: ("I", "png", {})}
folder, count = pathlib.Path(sys.argv[1]), int(sys.argv[2])
shards = [tarfile.open(folder / f"shard-{i:02}.tar", "w") for i in range(count)]
icons = sorted(path for path in pathlib.Path("/usr/share/icons/Tango").rglob("*.png") if not path.is_symlink())

def add(shard, name, data):
    member = tarfile.TarInfo(name)
    member.size = len(data)
    shard.addfile(member, io.BytesIO(data))

for i, icon in enumerate(icons):
    data, suffix = icon.read_bytes(), "PNG"
    if form := FORMS.get(i % 21):
        mode, suffix, options = form
        image, buffer = Image.open(icon).convert("RGBA").convert("L" if mode == "I" else mode), io.BytesIO()
        if mode == "I":  # 16 bits of grey
            image = image.convert("I").point(lambda value: value * 200)
        image.save(buffer, suffix, **options)
        data = buffer.getvalue()
    add(shards[i % count], f"./é/{i:06}.{suffix}", data)
    add(shards[i % count], f"./é/{i:06}.cls", b"0")
for shard in shards:
    shard.close()
print(len(icons))
)";

class ShardStats : public ProgramTest {
 protected:
  using Totals = std::map<std::string, std::uint64_t>;

  void SetUp() override {
    if (start({kPython, "-c", "import PIL"}).wait() != 0) {
      GTEST_SKIP() << "Pillow is missing; scripts/install-deps --test installs python3-pil";
    }
    Process make = start({kPython, "-c", kMakeShards, folder_, std::to_string(kShards)});
    ASSERT_EQ(make.wait(), 0) << make.err();
    images_ = std::stoul(make.out());
    ASSERT_GT(images_, 10 * kShards) << "scripts/install-deps --test installs tango-icon-theme";
  }

  [[nodiscard]] std::string shard(std::size_t i) const {
    return fmt::format("{}/shard-{:02}.tar", folder_, i);
  }

  [[nodiscard]] static Totals read(const std::string& json_lines) {
    Totals totals;
    for (const std::string& line : lines(json_lines)) {
      const auto json = nlohmann::json::parse(line);
      totals[json.at("key")] = json.at("sum");
    }
    return totals;
  }

  [[nodiscard]] Totals straight_run() const {
    Words command{kPython, kExamples + "/shard_stats.py"s};
    for (std::size_t i = 0; i < kShards; ++i) command.push_back(shard(i));
    Process process = start(command);
    EXPECT_EQ(process.wait(), 0) << process.err();
    return read(process.out());
  }

  [[nodiscard]] Process cpp_worker() const {
    return start({kStatsProgram, "--queue", "q", "--concurrency", "2", "--lease", "1s"});
  }
  [[nodiscard]] Process python_worker() const {
    return worker(
        {"--coprocess", "--reduce", "sum", "--batch", "2", "--concurrency", "2", "--lease", "1s"},
        {kPython, kExamples + "/shard_stats.py"s});
  }

  /// Nobody writes to the pipes: a worker with two slots comes so far and no further, and is killed
  /// while it reads.
  template <typename Worker>
  void kill_one_midway(Worker worker) {
    for (const std::size_t i : kPipes) {
      std::filesystem::rename(shard(i), shard(i) + ".kept");
      ASSERT_EQ(::mkfifo(shard(i).c_str(), 0600), 0);
    }
    Process push = push_process({"q", folder_ + "/shard-{00..47}.tar"});
    ASSERT_EQ(push.wait(), 0) << push.err();
    Process victim = worker();
    ASSERT_TRUE(eventually([this] { return counts().completed >= kShards / 3; })) << victim.err();
    victim.kill();
    EXPECT_GE(counts().processing, 1U);
    EXPECT_LT(counts().completed, kShards);
    for (const std::size_t i : kPipes) {
      std::filesystem::rename(shard(i) + ".kept", shard(i));
    }
    Process survivor = worker();
    EXPECT_EQ(survivor.wait(), 0) << survivor.err();
    EXPECT_EQ(counts().completed, kShards);
  }

  const std::string folder_ = [this] {
    std::filesystem::create_directory(path("shards"));
    return path("shards");
  }();
  std::size_t images_ = 0;
};

TEST_F(ShardStats, OfAWorkerInCppAreThoseOfAStraightRunAlthoughOneIsKilled) {
  const Totals expected = straight_run();
  EXPECT_EQ(expected.at("images"), images_);
  kill_one_midway([this] { return cpp_worker(); });
  EXPECT_EQ(read(ctl({"totals", "q", "--json"})), expected);
}

TEST_F(ShardStats, OfCoprocessesInPythonAreThoseOfAStraightRunAlthoughOneIsKilled) {
  const Totals expected = straight_run();
  kill_one_midway([this] { return python_worker(); });
  EXPECT_EQ(read(ctl({"totals", "q", "--json"})), expected);
}

TEST_F(ShardStats, OfAShardWithABrokenImageAreNone) {
  file("broken.png", "no image");
  const std::string broken = path("broken.tar");
  Process tar = start({"tar", "-C", path(""), "-cf", broken, "broken.png"});
  ASSERT_EQ(tar.wait(), 0) << tar.err();
  push({broken});
  EXPECT_EQ(cpp_worker().wait(), 0);
  EXPECT_THAT(failure_of(broken).at("message"), HasSubstr("broken.png: "));
  EXPECT_EQ(ctl_process({"retry", "q", "--all"}).wait(), 0);
  EXPECT_EQ(python_worker().wait(), 0);
  EXPECT_THAT(failure_of(broken).at("message"), HasSubstr("broken.png: "));
  EXPECT_EQ(counts().dead, 1U);
  EXPECT_TRUE(read(ctl({"totals", "q", "--json"})).empty());
}

TEST(MeanAndDeviation, AreThoseOfTheTotals) {
  ProcessOptions options;
  options.input = R"({"key":"pixels","sum":4}
{"key":"red sum","sum":510}
{"key":"red squares","sum":130050}
{"key":"green sum","sum":255}
{"key":"green squares","sum":65025}
{"key":"blue sum","sum":204}
{"key":"blue squares","sum":10404}
)";
  Process process({kExamples + "/mean_and_deviation"s}, options);
  EXPECT_EQ(process.wait(), 0) << process.err();
  EXPECT_EQ(process.out(),
            "red    mean 0.500000  deviation 0.500000\n"
            "green  mean 0.250000  deviation 0.433013\n"
            "blue   mean 0.200000  deviation 0.000000\n");
}

}  // namespace
}  // namespace wq::test
