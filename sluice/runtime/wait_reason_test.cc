// SPDX-License-Identifier: Apache-2.0

#include <cstdint>
#include <set>
#include <string_view>

#include <gtest/gtest.h>

#include "sluice/runtime/park.h"

namespace sluice::runtime {
namespace {

TEST(WaitReason, NoneHasNoName) { EXPECT_EQ(name(WaitReason::none), ""); }

TEST(WaitReason, EveryOtherOneHasANameOfItsOwn) {
  constexpr int last = static_cast<int>(WaitReason::blocked_on_processor);
  std::set<std::string_view> names;
  for (int i = 1; i <= last; ++i) {
    const std::string_view text = name(static_cast<WaitReason>(i));
    EXPECT_FALSE(text.empty()) << i;
    names.insert(text);
  }
  EXPECT_EQ(names.size(), static_cast<size_t>(last));
}

TEST(WaitReason, SpeaksGosWords) {
  EXPECT_EQ(name(WaitReason::chan_receive_nil), "chan receive (nil chan)");
  EXPECT_EQ(name(WaitReason::io_wait), "IO wait");
  EXPECT_EQ(name(WaitReason::mutex), "sync.Mutex.Lock");
}

}  // namespace
}  // namespace sluice::runtime
