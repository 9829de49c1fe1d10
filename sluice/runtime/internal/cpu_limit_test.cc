// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/cpu_limit.h"

#include <gtest/gtest.h>

#include "sluice/runtime/internal/test_root.h"

namespace sluice::runtime {
namespace {

using CpuLimit = TestRoot;

constexpr char v2_mount[] =
    "22 1 0:20 / / rw,relatime - ext4 /dev/root rw\n"
    "30 22 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
constexpr char v1_mounts[] =
    "30 22 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "31 22 0:27 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
    "32 22 0:28 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n";

TEST(CpuMax, RoundsTheQuotaUp) {
  EXPECT_EQ(parse_cpu_max("200000 100000\n"), 2);
  EXPECT_EQ(parse_cpu_max("150000 100000\n"), 2);
  EXPECT_EQ(parse_cpu_max("1000 100000\n"), 1);
  EXPECT_EQ(parse_cpu_max("100001 100000"), 2);
}

TEST(CpuMax, WithoutAQuotaOrMalformedIsNone) {
  for (const char* text : {"max 100000\n", "", "\n", "max", "100000", "x y\n", "-1 100000\n",
                           "100000 0\n", "100000 -5\n", "0 100000\n"})
    EXPECT_EQ(parse_cpu_max(text), 0) << text;
}

TEST_F(CpuLimit, TakesTheTightestQuotaOnThePathToTheRoot) {
  write("/sys/fs/cgroup/a/b/c/cpu.max", "800000 100000\n");
  write("/sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
  write("/sys/fs/cgroup/a/cpu.max", "300000 100000\n");
  EXPECT_EQ(cgroup_cpus("0::/a/b/c\n", v2_mount, root_), 3);
  write("/sys/fs/cgroup/a/b/c/cpu.max", "50000 100000\n");
  EXPECT_EQ(cgroup_cpus("0::/a/b/c\n", v2_mount, root_), 1);
}

TEST_F(CpuLimit, TheMountsOwnFolderCounts) {
  write("/sys/fs/cgroup/cpu.max", "400000 100000\n");
  EXPECT_EQ(cgroup_cpus("0::/\n", v2_mount, root_), 4);
  EXPECT_EQ(cgroup_cpus("0::/x/y\n", v2_mount, root_), 4);
}

TEST_F(CpuLimit, WithoutAnyQuotaThereIsNoLimit) {
  write("/sys/fs/cgroup/a/cpu.max", "max 100000\n");
  EXPECT_EQ(cgroup_cpus("0::/a\n", v2_mount, root_), 0);
}

TEST_F(CpuLimit, ReadsVersionOneOfTheCpuControllerOnly) {
  write("/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "250000\n");
  write("/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us", "100000\n");
  write("/sys/fs/cgroup/cpuset/job/cpu.cfs_quota_us", "100000\n");
  write("/sys/fs/cgroup/cpuset/job/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(cgroup_cpus("9:cpuset:/job\n4:cpu,cpuacct:/job\n", v1_mounts, root_), 3);
}

TEST_F(CpuLimit, VersionOneTakesTheTightestParentAndMinusOneIsNone) {
  write("/sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_quota_us", "-1\n");
  write("/sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(cgroup_cpus("4:cpuacct,cpu:/a/b\n", v1_mounts, root_), 0);
  write("/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "200000\n");
  write("/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(cgroup_cpus("4:cpuacct,cpu:/a/b\n", v1_mounts, root_), 2);
}

TEST_F(CpuLimit, InAHybridHierarchyTheTighterVersionWins) {
  write("/sys/fs/cgroup/unified/s/cpu.max", "500000 100000\n");
  write("/sys/fs/cgroup/cpu,cpuacct/s/cpu.cfs_quota_us", "600000\n");
  write("/sys/fs/cgroup/cpu,cpuacct/s/cpu.cfs_period_us", "100000\n");
  std::string mounts =
      std::string(v1_mounts) + "40 22 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
  EXPECT_EQ(cgroup_cpus("4:cpu,cpuacct:/s\n0::/s\n", mounts, root_), 5);
}

// A container sees its own part of the hierarchy as the mount's root, but its full path in
// /proc/self/cgroup when it has no cgroup namespace.
TEST_F(CpuLimit, InAContainerThePathStartsAtTheMountedFolder) {
  std::string mounts = "30 22 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n";
  write("/sys/fs/cgroup/cpu.max", "200000 100000\n");
  EXPECT_EQ(cgroup_cpus("0::/docker/abc\n", mounts, root_), 2);
  write("/sys/fs/cgroup/inner/cpu.max", "100000 100000\n");
  EXPECT_EQ(cgroup_cpus("0::/docker/abc/inner\n", mounts, root_), 1);
}

TEST_F(CpuLimit, TheLastOfSeveralMountsIsTheVisibleOne) {
  std::string mounts = "30 22 0:26 / /old rw - cgroup2 cgroup2 rw\n" + std::string(v2_mount);
  write("/old/cpu.max", "100000 100000\n");
  write("/sys/fs/cgroup/cpu.max", "300000 100000\n");
  EXPECT_EQ(cgroup_cpus("0::/\n", mounts, root_), 3);
}

TEST_F(CpuLimit, MalformedInputIsNoLimit) {
  write("/sys/fs/cgroup/cpu.max", "200000 100000\n");
  for (const char* cgroup : {"", "\n", "garbage", "::", "7:memory:/a\n"})
    EXPECT_EQ(cgroup_cpus(cgroup, v2_mount, root_), 0) << cgroup;
  for (const char* mounts : {"", "\n", "x", " - ", "1 2 3 - cgroup2", "30 22 0:26 / /p rw cgroup2"})
    EXPECT_EQ(cgroup_cpus("0::/\n", mounts, root_), 0) << mounts;
}

TEST(AvailableCpus, IsAtLeastOne) { EXPECT_GE(available_cpus(), 1); }

}  // namespace
}  // namespace sluice::runtime
