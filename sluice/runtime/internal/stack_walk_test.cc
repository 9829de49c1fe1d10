// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/stack_walk.h"

#include <cstring>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/runtime/internal/switch.h"

namespace sluice::runtime {
namespace {

// A stack of words, written by hand.
class StackWalk : public testing::Test {
 protected:
  static constexpr size_t size = 64;

  uintptr_t address(size_t index) const { return reinterpret_cast<uintptr_t>(&words_[index]); }
  StackBounds bounds() const { return {address(0), address(size)}; }
  void record(size_t index, uintptr_t frame, uintptr_t pc) {
    words_[index] = frame;
    words_[index + 1] = pc;
  }
  Walk walk(uintptr_t frame) { return walk_frames(frame, bounds(), out_); }

  static uintptr_t root() { return reinterpret_cast<uintptr_t>(&sluice_goroutine_start) + 8; }

  alignas(16) uintptr_t words_[size + 2] = {};
  uintptr_t out_[8] = {};
};

TEST_F(StackWalk, FollowsTheChainToTheRoot) {
  record(4, address(10), 111);
  record(10, address(20), 222);
  record(20, 0, root());
  Walk found = walk(address(4));
  EXPECT_TRUE(found.complete);
  ASSERT_EQ(found.count, 2u);
  EXPECT_EQ(out_[0], 111u);
  EXPECT_EQ(out_[1], 222u);
}

TEST_F(StackWalk, AnEndThatIsNotTheRootIsIncomplete) {
  record(4, 0, 111);
  Walk found = walk(address(4));
  EXPECT_FALSE(found.complete);
  EXPECT_EQ(found.count, 1u);
}

TEST_F(StackWalk, NeverGoesDownOrRound) {
  record(10, address(4), 111);
  record(4, address(10), 222);
  EXPECT_EQ(walk(address(10)).count, 1u);
  record(12, address(12), 333);
  EXPECT_EQ(walk(address(12)).count, 1u);
}

TEST_F(StackWalk, NeverLeavesTheBounds) {
  EXPECT_EQ(walk(0).count, 0u);
  EXPECT_EQ(walk(address(size)).count, 0u);
  EXPECT_EQ(walk(address(size - 1)).count, 0u);  // half a record
  EXPECT_EQ(walk(address(0) - 8).count, 0u);
  EXPECT_EQ(walk(address(4) + 3).count, 0u);  // not aligned
  EXPECT_EQ(walk(UINTPTR_MAX - 7).count, 0u);
  record(size - 2, address(size), 111);
  EXPECT_EQ(walk(address(size - 2)).count, 1u);
}

TEST_F(StackWalk, FillsNoMoreThanThereIsRoom) {
  for (size_t i = 0; i < 20; i += 2) record(i, address(i + 2), 100 + i);
  record(20, 0, root());
  Walk found = walk(address(0));
  EXPECT_EQ(found.count, 8u);
  EXPECT_FALSE(found.complete);
  EXPECT_EQ(walk(address(4)).count, 8u);
  EXPECT_TRUE(walk(address(4)).complete);
}

TEST_F(StackWalk, ASavedContextBeginsWithItsReturnAddress) {
  SavedContext saved{};
  saved.return_address = 77;
  saved.frame_pointer = address(40);
  std::memcpy(&words_[2], &saved, sizeof saved);
  record(40, 0, root());
  Walk found = walk_saved(address(2), bounds(), out_);
  EXPECT_TRUE(found.complete);
  ASSERT_EQ(found.count, 1u);
  EXPECT_EQ(out_[0], 77u);
}

TEST_F(StackWalk, AContextThatDidNotStartHasNoFrames) {
  void* sp = prepare_start(&words_[size]);
  Walk found = walk_saved(reinterpret_cast<uintptr_t>(sp), bounds(), out_);
  EXPECT_TRUE(found.complete);
  EXPECT_EQ(found.count, 0u);
}

TEST_F(StackWalk, ASavedContextOutsideTheBoundsIsNotRead) {
  EXPECT_EQ(walk_saved(0, bounds(), out_).count, 0u);
  EXPECT_EQ(walk_saved(address(size - 1), bounds(), out_).count, 0u);
  EXPECT_FALSE(walk_saved(address(size - 1), bounds(), out_).complete);
}

}  // namespace
}  // namespace sluice::runtime
