// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/heap_profile.h"

#include <memory>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sluice/debug/internal/test_profile.h"

namespace sluice::debug {

[[gnu::noinline]] std::unique_ptr<char[]> allocate_for_profile(size_t size) {
  auto memory = std::make_unique_for_overwrite<char[]>(size);
  asm volatile("" ::"r"(memory.get()));
  return memory;
}

namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::StartsWith;

// What allocate_for_profile() does: six allocations, of which two are kept.
class HeapProfileOut : public testing::Test {
 protected:
  HeapProfileOut() {
    uint64_t rate = heap::capture_heap_profile().sample_rate;
    heap::set_sample_rate(1);
    heap::HeapProfile before = heap::capture_heap_profile();
    volatile int times = 6;  // one call in a loop
    for (int i = 0; i < times; ++i) {
      auto memory = allocate_for_profile(1000);
      if (i < 2) kept_[i] = std::move(memory);
    }
    profile_ = difference(heap::capture_heap_profile(), before);
    heap::set_sample_rate(rate);
  }

  std::unique_ptr<char[]> kept_[2];
  heap::HeapProfile profile_;
};

TEST_F(HeapProfileOut, HasFourValuesAStackAndBeginsWithWhoeverAskedForMemory) {
  internal::Profile read(heap_profile(profile_, HeapFocus::inuse));
  EXPECT_THAT(read.types, testing::ElementsAre("alloc_objects/count", "alloc_space/bytes",
                                               "inuse_objects/count", "inuse_space/bytes"));
  ASSERT_EQ(read.samples.size(), 1u);
  EXPECT_THAT(read.samples[0].values, testing::ElementsAre(6, 6000, 2, 2000));
  EXPECT_EQ(read.samples[0].functions.front(), "sluice::debug::allocate_for_profile");
}

TEST_F(HeapProfileOut, AsTextIsWhatGosToolParses) {
  std::string text = heap_text(profile_);
  EXPECT_THAT(text, StartsWith("heap profile: 2: 2000 [6: 6000] @ heapprofile\n"
                               "2: 2000 [6: 6000] @ 0x"));
  EXPECT_THAT(text, HasSubstr("sluice::debug::allocate_for_profile+0x"));
  EXPECT_THAT(text, HasSubstr("heap_profile_test.cc:15\n"));
  EXPECT_THAT(text, HasSubstr("\n# runtime.MemStats\n# HeapAlloc = "));
  EXPECT_THAT(text, HasSubstr("\n# RSS = "));
}

TEST(HeapProfile, OfNothingIsAProfileToo) {
  EXPECT_THAT(heap_text({}), StartsWith("heap profile: 0: 0 [0: 1] @ heapprofile\n"));
  EXPECT_TRUE(internal::Profile(heap_profile({}, HeapFocus::alloc)).samples.empty());
}

}  // namespace
}  // namespace sluice::debug
