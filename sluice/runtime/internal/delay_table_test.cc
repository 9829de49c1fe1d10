// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/delay_table.h"

#include <algorithm>
#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::runtime {
namespace {

using std::chrono::nanoseconds;

using Stack = std::vector<uintptr_t>;

TEST(DelayTable, IsEmptyAtFirst) {
  auto table = std::make_unique<DelayTable>();
  DelayProfile profile = table->read();
  EXPECT_TRUE(profile.stacks.empty());
  EXPECT_EQ(profile.others, 0u);
}

TEST(DelayTable, SumsUpByStack) {
  auto table = std::make_unique<DelayTable>();
  table->add(Stack{1, 2, 3}, 1, 10);
  table->add(Stack{1, 2}, 5, 100);
  table->add(Stack{1, 2, 3}, 2, 20);
  table->add(Stack{}, 7, 1);
  std::vector<StackDelay> stacks = table->read().stacks;
  std::ranges::sort(stacks, {}, [](auto& stack) { return stack.frames.size(); });
  ASSERT_EQ(stacks.size(), 3u);
  EXPECT_EQ(stacks[0].frames, Stack{});
  EXPECT_EQ(stacks[0].count, 7u);
  EXPECT_EQ(stacks[1].frames, (Stack{1, 2}));
  EXPECT_EQ(stacks[1].count, 5u);
  EXPECT_EQ(stacks[1].delay, nanoseconds(100));
  EXPECT_EQ(stacks[2].frames, (Stack{1, 2, 3}));
  EXPECT_EQ(stacks[2].count, 3u);
  EXPECT_EQ(stacks[2].delay, nanoseconds(30));
}

TEST(DelayTable, KeepsTheInnermostFrames) {
  auto table = std::make_unique<DelayTable>();
  Stack deep(1000);
  for (size_t i = 0; i < deep.size(); ++i) deep[i] = i + 1;
  table->add(deep, 1, 1);
  std::vector<StackDelay> stacks = table->read().stacks;
  ASSERT_EQ(stacks.size(), 1u);
  deep.resize(DelayTable::frames_max);
  EXPECT_EQ(stacks[0].frames, deep);
}

TEST(DelayTable, CountsWhatDoesNotFit) {
  auto table = std::make_unique<DelayTable>();
  for (uintptr_t i = 0; i < DelayTable::stacks_max + 10; ++i) table->add(Stack{i}, 1, 3);
  table->add(Stack{0}, 1, 3);  // fits still
  DelayProfile profile = table->read();
  EXPECT_EQ(profile.stacks.size(), DelayTable::stacks_max);
  EXPECT_EQ(profile.others, 10u);
  EXPECT_EQ(profile.others_delay, nanoseconds(30));
  uint64_t count = 0;
  for (const StackDelay& stack : profile.stacks) count += stack.count;
  EXPECT_EQ(count, DelayTable::stacks_max + 1);
}

TEST(DelayTable, LosesNothingOfManyThreads) {
  auto table = std::make_unique<DelayTable>();
  constexpr uint64_t rounds = 20'000;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([&] {
        for (uint64_t j = 0; j < rounds; ++j) {
          table->add(Stack{j % 100, 7}, 1, j);
          if (j % 1000 == 0) static_cast<void>(table->read());
        }
      });
  }
  uint64_t count = 0;
  nanoseconds delay{};
  for (const StackDelay& stack : table->read().stacks) {
    count += stack.count;
    delay += stack.delay;
  }
  EXPECT_EQ(count, 4 * rounds);
  EXPECT_EQ(delay, nanoseconds(4 * (rounds * (rounds - 1) / 2)));
}

}  // namespace
}  // namespace sluice::runtime
