// SPDX-License-Identifier: Apache-2.0

#include "sluice/heap/internal/stack_table.h"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::heap {
namespace {

class Stacks : public testing::Test {
 protected:
  ~Stacks() override { table_.release(); }

  static size_t size(StackTable& table) {
    size_t count = 0;
    table.for_each([&](const StackRecord&) { ++count; });
    return count;
  }

  StackTable table_{size_t{1} << 20};
};

TEST_F(Stacks, EqualStacksAreOneRecord) {
  std::vector<uintptr_t> frames = {1, 2, 3}, longer = {1, 2, 3, 4}, other = {3, 2, 1};
  StackRecord& record = table_.find(frames);
  EXPECT_EQ(&table_.find(std::vector<uintptr_t>(frames)), &record);
  EXPECT_NE(&table_.find(longer), &record);
  EXPECT_NE(&table_.find(other), &record);
  EXPECT_EQ(std::vector(record.frames().begin(), record.frames().end()), frames);
  EXPECT_EQ(size(table_), 3u);
}

TEST_F(Stacks, WhatFindsNoRoomIsOneRecordWithoutFrames) {
  StackTable small(16 << 10);
  std::vector<uintptr_t> frames(32);
  uintptr_t n = 0;
  do {
    frames[0] = ++n;
  } while (!small.find(frames).frames().empty() && n < 1000);
  ASSERT_LT(n, 1000u);
  StackRecord& rest = small.find(frames);
  EXPECT_EQ(rest.frame_count, 0u);
  frames[0] = 1;
  EXPECT_EQ(small.find(frames).frame_count, 32u);
  EXPECT_EQ(size(small), n - 1);
  ++rest.objects;
  EXPECT_EQ(size(small), n);
  small.release();
}

TEST_F(Stacks, OfManyThreadsAreAddedOnce) {
  constexpr uintptr_t stacks = 2000;
  auto add = [&] {
    for (uintptr_t n = 0; n < stacks; ++n) {
      uintptr_t frames[] = {n, n + 1};
      table_.find(frames).objects.fetch_add(1, std::memory_order_relaxed);
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back(add);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(size(table_), stacks);
  table_.for_each([](const StackRecord& record) { EXPECT_EQ(record.objects.load(), 4u); });
}

}  // namespace
}  // namespace sluice::heap
