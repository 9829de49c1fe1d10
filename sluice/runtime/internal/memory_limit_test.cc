// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/memory_limit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sluice/runtime/internal/test_root.h"

namespace sluice::runtime {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr uint64_t mib = 1 << 20;
// The division comes first: a limit near 2^64 does not overflow.
constexpr uint64_t soft(uint64_t hard) { return hard / 100 * 90; }

TEST(MemoryBytes, AreGoMemlimitsSyntax) {
  EXPECT_EQ(*parse_memory_bytes("N", "1048576"), mib);
  EXPECT_EQ(*parse_memory_bytes("N", "1048576B"), mib);
  EXPECT_EQ(*parse_memory_bytes("N", "2048KiB"), 2 * mib);
  EXPECT_EQ(*parse_memory_bytes("N", "512MiB"), 512 * mib);
  EXPECT_EQ(*parse_memory_bytes("N", "3GiB"), 3072 * mib);
  EXPECT_EQ(*parse_memory_bytes("N", "1TiB"), mib * mib);
  EXPECT_EQ(*parse_memory_bytes("N", "off"), memory_unlimited);
}

TEST(MemoryBytes, ThatAreMalformedAreNamedWithTheirText) {
  for (const char* text : {"", "MiB", "512MB", "512mib", "1.5GiB", "-1", "+1", " 1MiB", "1 MiB",
                           "1MiB ", "1GiB2", "0x10", "OFF", "max", "99999999999999999999"})
    EXPECT_THAT(std::string(parse_memory_bytes("SLUICE_X", text).error().message()),
                HasSubstr("SLUICE_X=" + std::string(text) + ": must be a whole number of bytes"))
        << text;
}

TEST(MemoryBytes, ThatCannotBeMeantAreRefused) {
  for (const char* text : {"0", "512", "1048575", "1023KiB", "0GiB"})
    EXPECT_THAT(std::string(parse_memory_bytes("N", text).error().message()),
                HasSubstr("must be 1MiB or more, or off"));
  for (const char* text : {"16777216TiB", "18446744073709551615"})
    EXPECT_FALSE(parse_memory_bytes("N", text).has_value() &&
                 *parse_memory_bytes("N", text) != memory_unlimited)
        << text;
  EXPECT_THAT(std::string(parse_memory_bytes("N", "16777216TiB").error().message()),
              HasSubstr("less than 16 EiB"));
}

class MemoryLimit : public TestRoot {
 protected:
  std::vector<MemoryBound> bounds(uint64_t wished, std::string_view cgroup) {
    constexpr char mounts[] =
        "30 22 0:26 / /v2 rw - cgroup2 cgroup2 rw\n"
        "31 22 0:27 / /v1 rw - cgroup cgroup rw,memory\n";
    return memory_bounds(wished, cgroup_folders("memory", cgroup, mounts, root_));
  }
};

TEST_F(MemoryLimit, IsNineTenthsOfEachLimitOnThePathToTheRoot) {
  write("/v2/a/b/memory.max", "536870912\n");
  write("/v2/a/memory.max", "max\n");
  write("/v2/memory.max", "1073741824\n");
  EXPECT_THAT(bounds(0, "0::/a/b\n"),
              ElementsAre(MemoryBound{soft(512 * mib), root_ + "/v2/a/b", true},
                          MemoryBound{soft(1024 * mib), root_ + "/v2", true}));
}

TEST_F(MemoryLimit, IsTheLowerOfMaxAndHigh) {
  write("/v2/a/memory.max", "max\n");
  write("/v2/a/memory.high", "104857600\n");
  EXPECT_THAT(bounds(0, "0::/a\n"),
              ElementsAre(MemoryBound{soft(100 * mib), root_ + "/v2/a", true}));
  write("/v2/a/memory.max", "52428800\n");
  EXPECT_THAT(bounds(0, "0::/a\n"),
              ElementsAre(MemoryBound{soft(50 * mib), root_ + "/v2/a", true}));
}

TEST_F(MemoryLimit, OfVersionOneIsReadToo) {
  write("/v1/a/memory.limit_in_bytes", "104857600\n");
  write("/v1/memory.limit_in_bytes", "9223372036854771712\n");  // what it prints for none
  EXPECT_THAT(bounds(0, "4:memory:/a\n"),
              ElementsAre(MemoryBound{soft(100 * mib), root_ + "/v1/a", false}));
}

TEST_F(MemoryLimit, ThatIsWishedStandsBesideTheCgroups) {
  write("/v2/a/memory.max", "104857600\n");
  EXPECT_THAT(bounds(77 * mib, "0::/a\n"),
              ElementsAre(MemoryBound{77 * mib, "", false},
                          MemoryBound{soft(100 * mib), root_ + "/v2/a", true}));
}

TEST_F(MemoryLimit, IsNoneWithoutACgroupsOrWhenSwitchedOff) {
  EXPECT_THAT(bounds(0, "0::/a\n"), IsEmpty());
  write("/v2/a/memory.max", "104857600\n");
  EXPECT_THAT(bounds(memory_unlimited, "0::/a\n"), IsEmpty());
}

TEST_F(MemoryLimit, ThatIsMalformedIsNone) {
  for (const char* text : {"", "\n", "x", "-5\n"}) {
    write("/v2/a/memory.max", text);
    EXPECT_THAT(bounds(0, "0::/a\n"), IsEmpty()) << text;
  }
}

}  // namespace
}  // namespace sluice::runtime
