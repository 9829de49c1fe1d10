// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/cgroup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::runtime {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// What the limits' own tests (cpu_limit_test.cc, memory_limit_test.cc) do not see.

std::vector<std::string> folders(std::string_view controller, std::string_view cgroup,
                                 std::string_view mounts) {
  std::vector<std::string> texts;
  for (const CgroupFolder& folder : cgroup_folders(controller, cgroup, mounts, "/R"))
    texts.push_back(folder.path + (folder.v2 ? " v2" : " v1") + (folder.own ? " own" : ""));
  return texts;
}

constexpr char hybrid[] =
    "30 22 0:26 / /cg/memory rw - cgroup cgroup rw,memory\n"
    "31 22 0:27 / /cg/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
    "32 22 0:28 / /cg/unified rw - cgroup2 cgroup2 rw\n";

TEST(CgroupFolders, AreTheProcessesOwnAndAllParentsUpToTheMount) {
  EXPECT_THAT(folders("memory", "4:memory:/a/b\n", hybrid),
              ElementsAre("/R/cg/memory/a/b v1 own", "/R/cg/memory/a v1", "/R/cg/memory v1"));
}

TEST(CgroupFolders, OfTheRootCgroupAreTheMountItself) {
  EXPECT_THAT(folders("memory", "4:memory:/\n", hybrid), ElementsAre("/R/cg/memory v1 own"));
}

TEST(CgroupFolders, AreThoseOfBothVersionsInAHybridHierarchy) {
  EXPECT_THAT(folders("cpu", "4:memory:/m\n3:cpu,cpuacct:/c\n0::/u\n", hybrid),
              ElementsAre("/R/cg/cpu/c v1 own", "/R/cg/cpu v1", "/R/cg/unified/u v2 own",
                          "/R/cg/unified v2"));
}

TEST(CgroupFolders, OfAControllerThatIsNotMountedAreNone) {
  EXPECT_THAT(folders("pids", "4:memory:/a\n", hybrid), IsEmpty());
  EXPECT_THAT(folders("memory", "", hybrid), IsEmpty());
  EXPECT_THAT(folders("memory", "4:memory:/a\n", ""), IsEmpty());
}

TEST(Cut, TakesUpToTheEndAndLeavesTheRest) {
  std::string_view text = "a b";
  EXPECT_EQ(cut(text, ' '), "a");
  EXPECT_EQ(cut(text, ' '), "b");
  EXPECT_EQ(cut(text, ' '), "");
}

TEST(ReadFile, OfWhatIsNotThereIsEmpty) { EXPECT_EQ(read_file("/proc/self/no such file"), ""); }

}  // namespace
}  // namespace sluice::runtime
