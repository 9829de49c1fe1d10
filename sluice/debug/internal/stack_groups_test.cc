// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/internal/stack_groups.h"

#include <cstring>
#include <initializer_list>

#include <gtest/gtest.h>

namespace sluice::debug::internal {
namespace {

using runtime::Goroutine;
using runtime::GoroutineDump;
using runtime::GoroutineState;
using runtime::StackTrace;
using runtime::WaitReason;

Goroutine& add(GoroutineDump& dump, std::initializer_list<uintptr_t> stack,
               const char* label = "") {
  Goroutine& goroutine = dump.goroutines.emplace_back();
  goroutine.id = dump.goroutines.size();
  goroutine.state = GoroutineState::waiting;
  goroutine.wait_reason = WaitReason::select;
  goroutine.trace = StackTrace::complete;
  std::strcpy(goroutine.label, label);
  goroutine.frames_begin = dump.addresses.size();
  goroutine.frames_count = stack.size();
  dump.addresses.insert(dump.addresses.end(), stack);
  return goroutine;
}

TEST(StackGroups, CountEqualStacksMostFrequentFirst) {
  GoroutineDump dump;
  add(dump, {1, 2});
  add(dump, {1, 3});
  add(dump, {1, 3});
  add(dump, {1});
  std::vector<StackGroup> groups = group_stacks(dump, false);
  ASSERT_EQ(groups.size(), 3u);
  EXPECT_EQ(groups[0].count, 2u);
  EXPECT_EQ(groups[0].first->id, 2u);
  EXPECT_EQ(groups[1].first->id, 1u);
  EXPECT_EQ(groups[2].first->id, 4u);
}

TEST(StackGroups, LabelsTellStacksApart) {
  GoroutineDump dump;
  add(dump, {1}, "a");
  add(dump, {1}, "b");
  add(dump, {1}, "a");
  EXPECT_EQ(group_stacks(dump, false).size(), 2u);
}

TEST(StackGroups, StatesDoWhereAskedTo) {
  GoroutineDump dump;
  add(dump, {1});
  add(dump, {1}).wait_reason = WaitReason::sleep;
  EXPECT_EQ(group_stacks(dump, false).size(), 1u);
  EXPECT_EQ(group_stacks(dump, true).size(), 2u);
}

TEST(StackGroups, ThoseThatHaveNotBegunAreCountedByTheirCreator) {
  GoroutineDump dump;
  for (uintptr_t creator : {7, 7, 8}) {
    Goroutine& goroutine = add(dump, {});
    goroutine.trace = StackTrace::not_begun;
    goroutine.state = GoroutineState::runnable;
    goroutine.created_by = creator;
  }
  std::vector<StackGroup> groups = group_stacks(dump, false);
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_EQ(groups[0].count, 2u);
  EXPECT_EQ(stack_of(dump, *groups[0].first)[0], 7u);
}

TEST(StackGroups, StatesSpeakGosWords) {
  Goroutine goroutine;
  EXPECT_EQ(state_text(goroutine), "running");
  goroutine.state = GoroutineState::syscall;
  EXPECT_EQ(state_text(goroutine), "syscall");
  goroutine.state = GoroutineState::runnable;
  EXPECT_EQ(state_text(goroutine), "runnable");
  goroutine.state = GoroutineState::waiting;
  EXPECT_EQ(state_text(goroutine), "waiting");
  goroutine.wait_reason = WaitReason::chan_receive;
  EXPECT_EQ(state_text(goroutine), "chan receive");
}

TEST(StackGroups, AQuotedTextStaysOnItsLine) {
  EXPECT_EQ(quoted("plain"), "\"plain\"");
  EXPECT_EQ(quoted("a\"b\\c"), R"("a\"b\\c")");
  EXPECT_EQ(quoted("a\nb\x7f\xc3"), R"("a\nb\x7f\xc3")");
}

}  // namespace
}  // namespace sluice::debug::internal
