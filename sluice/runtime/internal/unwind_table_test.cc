// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/unwind_table.h"

#include <unistd.h>

#include <gtest/gtest.h>

#include "sluice/runtime/internal/switch.h"

namespace sluice::runtime {
namespace {

uintptr_t address_of(auto* function) { return reinterpret_cast<uintptr_t>(function); }

#if defined(__x86_64__)

// At a function's first instruction only the return address is on the stack.
TEST(UnwindTable, KnowsTheEntryOfAFunction) {
  for (uintptr_t pc : {address_of(&sluice_switch), address_of(&::usleep), address_of(&::read)}) {
    std::optional<FrameRule> rule = frame_rule(pc);
    ASSERT_TRUE(rule);
    EXPECT_EQ(rule->cfa_base, FrameRule::Base::stack_pointer);
    EXPECT_EQ(rule->cfa_offset, 8);
    EXPECT_EQ(rule->return_address_at, -8);
    EXPECT_FALSE(rule->frame_pointer_at);
  }
}

TEST(UnwindTable, FollowsTheSwitchThroughItsPushes) {
  uintptr_t after_endbr = address_of(&sluice_switch) + 4;
  std::optional<FrameRule> rule = frame_rule(after_endbr + 1);  // rbp is pushed
  ASSERT_TRUE(rule);
  EXPECT_EQ(rule->cfa_offset, 16);
  EXPECT_EQ(rule->frame_pointer_at, -16);
  rule = frame_rule(after_endbr + 2);  // and rbx
  ASSERT_TRUE(rule);
  EXPECT_EQ(rule->cfa_offset, 24);
  EXPECT_EQ(rule->frame_pointer_at, -16);
}

[[gnu::noinline]] uintptr_t here() {
  uintptr_t pc;
  asm volatile("leaq 0(%%rip), %0" : "=r"(pc));
  ::getpid();  // so that it has a frame
  return pc;
}

TEST(UnwindTable, KnowsAFrameRecord) {
  std::optional<FrameRule> rule = frame_rule(here());
  ASSERT_TRUE(rule);
  EXPECT_EQ(rule->cfa_base, FrameRule::Base::frame_pointer);
  EXPECT_EQ(rule->cfa_offset, 16);
  EXPECT_EQ(rule->return_address_at, -8);
  EXPECT_EQ(rule->frame_pointer_at, -16);
}

#endif

TEST(UnwindTable, HasNothingToSayOfWhatIsNoCode) {
  int on_stack = 0;
  EXPECT_FALSE(frame_rule(address_of(&on_stack)));
  EXPECT_FALSE(frame_rule(1));
  EXPECT_FALSE(frame_rule(UINTPTR_MAX));
}

}  // namespace
}  // namespace sluice::runtime
