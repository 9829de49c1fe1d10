// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/internal/stack_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sluice/runtime/goroutines.h"
#include "sluice/runtime/runtime.h"

namespace sluice::debug::internal {
namespace {

TEST(StackLines, HexIsGos) {
  EXPECT_EQ(hex(0), "0x0");
  EXPECT_EQ(hex(0x2b), "0x2b");
  EXPECT_EQ(hex(UINTPTR_MAX), "0xffffffffffffffff");
}

TEST(StackLines, LeaveOutTheScheduler) {
  Runtime runtime{{.max_procs = 1}};
  runtime.block_on([] {
    runtime::GoroutineDump dump = runtime::capture_goroutines();
    ASSERT_EQ(dump.goroutines.size(), 1u);
    std::vector<StackLine> lines = lines_of(dump.frames(dump.goroutines[0]));
    ASSERT_FALSE(lines.empty());
    for (const StackLine& line : lines)
      EXPECT_THAT(line.frame->function, testing::Not(testing::StartsWith("sluice::runtime::")));
  });
}

// The address of a function of the scheduler's own.
TEST(StackLines, ShowTheSchedulerWhereNothingElseIs) {
  uintptr_t address = reinterpret_cast<uintptr_t>(&runtime::capture_goroutines) + 1;
  std::vector<StackLine> lines = lines_of({&address, 1});
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0].frame->function, "sluice::runtime::capture_goroutines");
}

TEST(StackLines, AllOfThemAreShownToWhoAsks) {
  Runtime runtime{{.max_procs = 1}};
  runtime.block_on([] {
    runtime::GoroutineDump dump = runtime::capture_goroutines();
    std::span<const uintptr_t> stack = dump.frames(dump.goroutines[0]);
    EXPECT_GT(lines_of(stack, Frames::all).size(), lines_of(stack).size());
  });
}

TEST(StackLines, CountedStacksAreGosText) {
  uintptr_t address = reinterpret_cast<uintptr_t>(&runtime::capture_goroutines) + 1;
  std::string text;
  append_counted(text, "3", {&address, 1}, "# labels: {}\n");
  EXPECT_THAT(text,
              testing::StartsWith("3 @ " + hex(address) + "\n# labels: {}\n#\t" + hex(address - 1) +
                                  "\tsluice::runtime::capture_goroutines+0x0\t\t"));
  EXPECT_THAT(text, testing::EndsWith("\n\n"));
}

TEST(StackLines, OfNoStackAreNone) { EXPECT_TRUE(lines_of({}).empty()); }

}  // namespace
}  // namespace sluice::debug::internal
