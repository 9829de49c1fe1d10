// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/raw_stack.h"

#include <gtest/gtest.h>

#include "sluice/runtime/internal/switch.h"

namespace sluice::runtime {
namespace {

// A stack of words, written by hand; its code addresses are of no code, so that frame records are
// all there is.
class RawStackOf : public testing::Test {
 protected:
  static constexpr size_t size = 256;

  uintptr_t address(size_t index) const {
    return reinterpret_cast<uintptr_t>(words_) + index * sizeof words_[0];
  }
  StackBounds bounds() const { return {address(0), address(size)}; }
  void record(size_t index, uintptr_t frame, uintptr_t pc) {
    words_[index] = frame;
    words_[index + 1] = pc;
  }
  static uintptr_t root() { return reinterpret_cast<uintptr_t>(&sluice_goroutine_start) + 8; }
  const Sample& unwind(uintptr_t pc, uintptr_t sp, uintptr_t frame) {
    raw_.copy({.pc = pc, .sp = sp, .frame_pointer = frame}, bounds());
    raw_.unwind(&sample_);
    return sample_;
  }

  alignas(16) uintptr_t words_[size + 2] = {};
  RawStack raw_;
  Sample sample_;
};

TEST_F(RawStackOf, AFramePointerLeadsToTheRoot) {
  record(20, address(40), 111);
  record(40, 0, root());
  const Sample& sample = unwind(7, address(8), address(20));
  EXPECT_TRUE(sample.complete);
  ASSERT_EQ(sample.count, 2u);
  EXPECT_EQ(sample.frames[0], 8u);  // one past the place
  EXPECT_EQ(sample.frames[1], 111u);
}

TEST_F(RawStackOf, WithoutOneTheLowestRecordThatLeadsToTheRootIsFound) {
  record(10, address(12), 999);  // leads nowhere
  record(20, address(40), 111);
  record(40, 0, root());
  const Sample& sample = unwind(7, address(8), 0);
  EXPECT_TRUE(sample.complete);
  ASSERT_EQ(sample.count, 2u);
  EXPECT_EQ(sample.frames[1], 111u);
}

TEST_F(RawStackOf, ItEndsWhereTheWayIsLost) {
  record(20, address(18), 111);  // downwards
  EXPECT_EQ(unwind(7, address(8), address(20)).count, 2u);
  EXPECT_FALSE(sample_.complete);
  EXPECT_EQ(unwind(7, address(8), 12345).count, 1u);
  EXPECT_EQ(unwind(7, address(8), address(size + 100)).count, 1u);
  EXPECT_EQ(unwind(7, address(200), 0).count, 1u);
}

TEST_F(RawStackOf, OutsideOfItsBoundsThereIsNothing) {
  EXPECT_EQ(unwind(7, address(size), 0).count, 0u);
  EXPECT_EQ(unwind(7, address(0) - 8, 0).count, 0u);
  EXPECT_EQ(unwind(7, address(4) + 1, 0).count, 0u);
}

TEST_F(RawStackOf, AnEndlessOneIsCut) {
  for (size_t i = 0; i < 240; i += 2) record(i, address(i + 2), 111);
  const Sample& sample = unwind(7, address(0), address(0));
  EXPECT_EQ(sample.count, Sample::frames_max);
  EXPECT_FALSE(sample.complete);
}

#if defined(__x86_64__)
// Interrupted at the first instruction of a function that has not saved anything yet.
TEST_F(RawStackOf, TheTablesKnowTheCallerOfAFunctionWithoutARecord) {
  words_[8] = 222;  // the return address, at sp
  record(20, address(40), 111);
  record(40, 0, root());
  const Sample& sample =
      unwind(reinterpret_cast<uintptr_t>(&sluice_switch), address(8), address(20));
  EXPECT_TRUE(sample.complete);
  ASSERT_EQ(sample.count, 3u);
  EXPECT_EQ(sample.frames[1], 222u);
  EXPECT_EQ(sample.frames[2], 111u);
}
#endif

}  // namespace
}  // namespace sluice::runtime
