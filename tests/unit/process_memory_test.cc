#include "process/process_memory.h"

#include <filesystem>
#include <optional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/temporary_folder.h"

namespace wq::internal {
namespace {

using ::testing::Optional;

class Cgroup : public ::testing::Test {
 protected:
  void write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories((root_.path() / path).parent_path());
    root_.file(path, text);
  }
  [[nodiscard]] std::optional<std::uint64_t> limit() const {
    return cgroup_memory_limit(root_.path());
  }

  test::TemporaryFolder root_;
};

TEST_F(Cgroup, MemoryLimitIsTheLeastOfTheGroupAndThoseItLiesIn) {
  write("sys/fs/cgroup/cgroup.controllers", "memory\n");
  write("proc/self/cgroup", "0::/pod/container\n");
  write("sys/fs/cgroup/pod/memory.max", "1000000\n");
  write("sys/fs/cgroup/pod/container/memory.max", "max\n");
  EXPECT_THAT(limit(), Optional(1'000'000U));
  write("sys/fs/cgroup/pod/container/memory.max", "500000\n");
  EXPECT_THAT(limit(), Optional(500'000U));
}

TEST_F(Cgroup, MemoryLimitIsFoundInAContainerThatSeesOnlyItsOwnGroup) {
  write("sys/fs/cgroup/cgroup.controllers", "memory\n");
  write("proc/self/cgroup", "0::/\n");
  write("sys/fs/cgroup/memory.max", "1000000\n");
  EXPECT_THAT(limit(), Optional(1'000'000U));
}

TEST_F(Cgroup, MemoryLimitIsFoundWithVersionOne) {
  write("proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/docker/abc\n0::/\n");
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "2000000\n");
  EXPECT_THAT(limit(), Optional(2'000'000U));
  write("sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "1000000\n");
  EXPECT_THAT(limit(), Optional(1'000'000U));
}

TEST_F(Cgroup, MemoryLimitIsNoneWhereThereIsNone) {
  EXPECT_EQ(limit(), std::nullopt);
  write("sys/fs/cgroup/cgroup.controllers", "memory\n");
  write("proc/self/cgroup", "0::/\n");
  EXPECT_EQ(limit(), std::nullopt);
  write("sys/fs/cgroup/memory.max", "max\n");
  EXPECT_EQ(limit(), std::nullopt);
  write("proc/self/cgroup", "4:memory:/\n");
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(limit(), std::nullopt);
}

TEST_F(Cgroup, OomKillsAreCountedAsTheyCome) {
  write("sys/fs/cgroup/cgroup.controllers", "memory\n");
  write("proc/self/cgroup", "0::/pod\n");
  write("sys/fs/cgroup/pod/memory.events", "low 0\nmax 7\noom 3\noom_kill 12\noom_group_kill 5\n");
  const OomKills kills(root_.path());
  EXPECT_EQ(kills.count(), 12U);
  write("sys/fs/cgroup/pod/memory.events", "low 0\nmax 7\noom 3\noom_kill 13\noom_group_kill 5\n");
  EXPECT_EQ(kills.count(), 13U);
}

TEST_F(Cgroup, OomKillsAreCountedWithVersionOne) {
  write("proc/self/cgroup", "4:memory:/docker/abc\n0::/\n");
  write("sys/fs/cgroup/memory/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
  EXPECT_EQ(OomKills(root_.path()).count(), 2U);
}

TEST_F(Cgroup, OomKillsAreNoneWhereNobodyTells) {
  EXPECT_EQ(OomKills(root_.path()).count(), 0U);
  write("sys/fs/cgroup/cgroup.controllers", "memory\n");
  write("proc/self/cgroup", "0::/\n");
  EXPECT_EQ(OomKills(root_.path()).count(), 0U);
}

}  // namespace
}  // namespace wq::internal
