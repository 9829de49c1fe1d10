// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/memory_meter.h"

#include <gtest/gtest.h>

#include "sluice/runtime/internal/test_memory.h"
#include "sluice/runtime/internal/test_root.h"

namespace sluice::runtime {
namespace {

constexpr uint64_t mib = 1 << 20;

class Meter : public TestRoot {
 protected:
  void use(const std::string& cgroup, uint64_t total, uint64_t inactive) {
    write(cgroup + "/memory.current", std::to_string(total) + "\n");
    write(cgroup + "/memory.stat", "anon 5\nfile 6\ninactive_anon 7\ninactive_file " +
                                       std::to_string(inactive) + "\nactive_file 9\n");
  }
  MemoryBound bound(const std::string& cgroup, uint64_t limit) {
    return {limit, root_ + cgroup, true};
  }
};

TEST_F(Meter, DoesNotCountThePageCacheThatTheKernelDropsFirst) {
  use("/a", 95 * mib, 40 * mib);
  MemoryMeter meter({bound("/a", 100 * mib)});
  EXPECT_EQ(meter.read(false).used_bytes, 55 * mib);
  EXPECT_EQ(meter.read(false).limit_bytes, 100 * mib);
}

TEST_F(Meter, FindsThePageCacheOutOnlyWhereItMatters) {
  use("/a", 60 * mib, 40 * mib);
  MemoryMeter meter({bound("/a", 100 * mib)});
  EXPECT_EQ(meter.read(false).used_bytes, 60 * mib);
  EXPECT_EQ(meter.read(true).used_bytes, 20 * mib);
}

TEST_F(Meter, ReadsAgainEachTime) {
  use("/a", 10 * mib, 0);
  MemoryMeter meter({bound("/a", 100 * mib)});
  EXPECT_EQ(meter.read(false).used_bytes, 10 * mib);
  use("/a", 20 * mib, 0);
  EXPECT_EQ(meter.read(false).used_bytes, 20 * mib);
}

TEST_F(Meter, OfSeveralLimitsTellsOfTheOneThatIsNearest) {
  use("/a/b", 30 * mib, 0);
  use("/a", 190 * mib, 0);
  MemoryMeter meter({bound("/a/b", 100 * mib), bound("/a", 200 * mib)});
  EXPECT_EQ(meter.read(false).limit_bytes, 200 * mib);
  use("/a/b", 99 * mib, 0);
  EXPECT_EQ(meter.read(false).limit_bytes, 100 * mib);
}

TEST_F(Meter, ReadsVersionOne) {
  write("/a/memory.usage_in_bytes", std::to_string(95 * mib) + "\n");
  write("/a/memory.stat", "cache 1\ninactive_file 2\ntotal_inactive_file 5242880\n");
  EXPECT_EQ(MemoryMeter({{100 * mib, root_ + "/a", false}}).read(false).used_bytes, 90 * mib);
}

TEST_F(Meter, OfACgroupThatIsGoneReadsNothing) {
  EXPECT_EQ(MemoryMeter({bound("/gone", 100 * mib)}).read(true).used_bytes, 0u);
}

TEST(MeterOfNothing, SaysThatThereIsNoLimit) {
  EXPECT_EQ(MemoryMeter({}).read(true).limit_bytes, 0u);
}

TEST(MeterOfThisProcess, SeesItGrow) {
  MemoryMeter meter({{1024 * mib, "", false}});
  uint64_t before = meter.read(false).used_bytes;
  Ballast ballast(64 * mib);
  uint64_t after = meter.read(false).used_bytes;
  EXPECT_GE(after, before + 60 * mib);
  EXPECT_GE(resident_bytes(), before + 60 * mib);
}

}  // namespace
}  // namespace sluice::runtime
