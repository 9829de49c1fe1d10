// SPDX-License-Identifier: Apache-2.0

#include "sluice/heap/internal/live_table.h"

#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::heap {
namespace {

class Live : public testing::Test {
 protected:
  static LiveTable::Entry entry(uint64_t bytes) { return {nullptr, {1, bytes}}; }

  const std::unique_ptr<LiveTable> table_ = std::make_unique<LiveTable>();
};

TEST_F(Live, WhatIsPutInCanBeTakenOnce) {
  EXPECT_FALSE(table_->take(0x1000));
  EXPECT_TRUE(table_->put(0x1000, entry(7)));
  EXPECT_TRUE(table_->put(0x2000, entry(8)));
  auto taken = table_->take(0x1000);
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->weight.bytes, 7u);
  EXPECT_FALSE(table_->take(0x1000));
  EXPECT_EQ(table_->take(0x2000)->weight.bytes, 8u);
}

TEST_F(Live, GrowsWithoutMovingWhatIsThere) {
  constexpr uintptr_t count = 100'000;
  for (uintptr_t n = 1; n <= count; ++n) ASSERT_TRUE(table_->put(n << 12, entry(n)));
  for (uintptr_t n = 1; n <= count; ++n) {
    auto taken = table_->take(n << 12);
    ASSERT_TRUE(taken) << n;
    ASSERT_EQ(taken->weight.bytes, n);
  }
  EXPECT_FALSE(table_->take(1 << 12));
}

TEST_F(Live, ThreadsDoNotTakeEachOthers) {
  constexpr uintptr_t rounds = 20'000;
  auto work = [&](uintptr_t thread) {
    for (uintptr_t n = 1; n <= rounds; ++n) {
      uintptr_t address = (n % 64 * 4 + thread + 4) << 12;
      ASSERT_TRUE(table_->put(address, entry(address + n)));
      auto taken = table_->take(address);
      ASSERT_TRUE(taken);
      ASSERT_EQ(taken->weight.bytes, address + n);
    }
  };
  std::vector<std::thread> threads;
  for (uintptr_t i = 0; i < 4; ++i) threads.emplace_back(work, i);
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace sluice::heap
