// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/stack_pool.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sluice/runtime/internal/sanitizer.h"

namespace sluice::runtime {
namespace {

constexpr size_t stack_bytes = size_t{64} << 10;

Stack take_one(StackPool& pool) {
  Stack stack;
  if (pool.take(&stack, 1) == 0) {
    EXPECT_TRUE(pool.carve(1).has_value());
    EXPECT_EQ(pool.take(&stack, 1), 1u);
  }
  return stack;
}

class StackPoolGuarded : public testing::TestWithParam<StackGuard> {
 protected:
  StackPoolGuarded() : pool(StackPool::with(stack_bytes, *resolve(GetParam()))) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
  }
  StackPool& pool;
};
INSTANTIATE_TEST_SUITE_P(Guards, StackPoolGuarded,
                         testing::Values(StackGuard::automatic, StackGuard::mprotect));
using StackPoolGuardedDeathTest = StackPoolGuarded;
INSTANTIATE_TEST_SUITE_P(Guards, StackPoolGuardedDeathTest,
                         testing::Values(StackGuard::automatic, StackGuard::mprotect));

TEST_P(StackPoolGuarded, AllOfAStackIsWritable) {
  Stack stack = take_one(pool);
  char* bottom = const_cast<char*>(pool.bottom(stack.slot));
  std::memset(bottom, 0x5a, static_cast<size_t>(stack.top - bottom));
  EXPECT_EQ(reinterpret_cast<uintptr_t>(stack.top) % 64, 0u);
  pool.give(&stack, 1);
}

// Whether the kernel, who does not die of it, can read there.
bool is_readable(const char* address) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  bool readable = ::write(ends[1], address, 1) == 1;
  if (!readable) {
    EXPECT_EQ(errno, EFAULT);
  }
  ::close(ends[0]);
  ::close(ends[1]);
  return readable;
}

TEST_P(StackPoolGuarded, EveryStackOfManyHasItsGuard) {
  // More than are guarded at once; the leak checker reads all mappings for each stack.
  constexpr uint32_t count = sanitizer::address ? 100 : 1000;
  uint32_t first = pool.carved();
  ASSERT_TRUE(pool.carve(count).has_value());
  for (uint32_t slot = first; slot < first + count; ++slot) {
    const char* bottom = pool.bottom(slot);
    ASSERT_TRUE(is_readable(bottom)) << slot;
    ASSERT_FALSE(is_readable(bottom - 1)) << slot;
    ASSERT_FALSE(is_readable(bottom - StackPool::guard_bytes)) << slot;
  }
}

TEST_P(StackPoolGuardedDeathTest, AccessBelowAStackFaults) {
  Stack stack = take_one(pool);
  volatile char* bottom = const_cast<char*>(pool.bottom(stack.slot));
  EXPECT_DEATH(bottom[-1] = 1, "");
  EXPECT_DEATH(bottom[-static_cast<ptrdiff_t>(StackPool::guard_bytes)] = 1, "");
  pool.give(&stack, 1);
}

TEST_P(StackPoolGuarded, AStackIsReusedLastInFirstOut) {
  Stack first = take_one(pool);
  Stack second = take_one(pool);
  EXPECT_NE(first.slot, second.slot);
  pool.give(&first, 1);
  pool.give(&second, 1);
  EXPECT_EQ(take_one(pool).slot, second.slot);
  EXPECT_EQ(take_one(pool).slot, first.slot);
  pool.give(&first, 1);
  pool.give(&second, 1);
}

TEST_P(StackPoolGuarded, TellsGuardsFromStacks) {
  Stack stack = take_one(pool);
  const char* bottom = pool.bottom(stack.slot);
  bool in_guard = true;
  EXPECT_EQ(pool.slot_of(bottom, &in_guard), stack.slot);
  EXPECT_FALSE(in_guard);
  EXPECT_EQ(pool.slot_of(bottom + pool.usable_bytes() - 1, &in_guard), stack.slot);
  EXPECT_FALSE(in_guard);
  EXPECT_EQ(pool.slot_of(bottom - 1, &in_guard), stack.slot);
  EXPECT_TRUE(in_guard);
  EXPECT_EQ(pool.slot_of(&stack, &in_guard), -1);
  pool.give(&stack, 1);
}

TEST(StackPool, NeighboursHaveDifferentColours) {
  StackPool& pool = StackPool::with(stack_bytes, StackGuard::none);
  ASSERT_TRUE(pool.carve(17).has_value());
  Stack stacks[17];
  ASSERT_EQ(pool.take(stacks, 17), 17u);
  std::set<size_t> colours;
  for (Stack& stack : stacks)
    colours.insert(static_cast<size_t>(pool.bottom(stack.slot) + pool.usable_bytes() - stack.top));
  EXPECT_EQ(colours.size(), 17u);
  EXPECT_LE(*colours.rbegin(), size_t{16 * 64});
  pool.give(stacks, 17);
}

TEST(StackPool, IsOnePerGeometry) {
  StackPool& pool = StackPool::with(stack_bytes, StackGuard::none);
  EXPECT_EQ(&StackPool::with(stack_bytes, StackGuard::none), &pool);
  EXPECT_NE(&StackPool::with(stack_bytes * 2, StackGuard::none), &pool);
  EXPECT_NE(&StackPool::with(stack_bytes, StackGuard::mprotect), &pool);
}

TEST(StackPool, ColdStacksComeBackEmptyAndUsable) {
  StackPool& pool = StackPool::with(StackPool::stack_bytes_min, StackGuard::none);
  constexpr uint32_t count = StackPool::warm_max + 64;
  if (pool.carved() == 0) {
    ASSERT_TRUE(pool.carve(count).has_value());
  }
  std::vector<Stack> stacks(count);
  ASSERT_EQ(pool.take(stacks.data(), count), count);
  Stack last = stacks.back();
  last.top[-1] = 7;
  pool.give(stacks.data(), count - 1);
  pool.give(&last, 1);  // one too many to stay warm
  EXPECT_EQ(last.top[-1], 0);
  ASSERT_EQ(pool.take(stacks.data(), count), count);
  EXPECT_EQ(stacks.back().slot, last.slot);
  pool.give(stacks.data(), count);
}

TEST_P(StackPoolGuarded, ScatteredStacksGiveTheirPagesBackAndKeepTheirGuards) {
  constexpr uint32_t count = StackPool::warm_max + 256;
  if (pool.count_max() < count) GTEST_SKIP() << "vm.max_map_count allows too few";
  if (sanitizer::address) GTEST_SKIP() << "the leak checker takes too long for so many stacks";
  if (pool.carved() < count) {
    // Other tests may have taken too many mappings since the pool was made.
    Result<void> carved = pool.carve(count - pool.carved());
    if (!carved && carved.error().to_string().contains("vm.max_map_count"))
      GTEST_SKIP() << carved.error().to_string();
    ASSERT_TRUE(carved.has_value()) << carved.error().to_string();
  }
  std::vector<Stack> stacks(count);
  ASSERT_EQ(pool.take(stacks.data(), count), count);
  std::sort(stacks.begin(), stacks.end(), [](Stack a, Stack b) { return a.slot < b.slot; });
  std::vector<Stack> scattered;
  for (uint32_t i = 0; i < 128; i += 2) {
    scattered.push_back(stacks[i]);
    std::memset(stacks[i].top - 8192, 7, 8192);
  }
  Stack neighbour = stacks[1];
  neighbour.top[-1] = 7;
  pool.give(stacks.data() + 128, count - 128);  // as many as stay warm
  pool.give(scattered.data(), static_cast<uint32_t>(scattered.size()));
  for (Stack stack : scattered) {
    EXPECT_EQ(stack.top[-1], 0) << stack.slot;
    EXPECT_EQ(stack.top[-8192], 0) << stack.slot;
    EXPECT_FALSE(is_readable(pool.bottom(stack.slot) - 1)) << stack.slot;
  }
  EXPECT_EQ(neighbour.top[-1], 7);
  for (uint32_t i = 1; i < 128; i += 2) pool.give(&stacks[i], 1);
}

// Stacks of one geometry each, all taken, each with a 7 at its top.
class StackPoolAging : public testing::Test {
 protected:
  static constexpr uint32_t count = StackPool::warm_min + 100;
  explicit StackPoolAging(size_t bytes) : pool(StackPool::with(bytes, *resolve({}))) {
    uint32_t have = pool.carved();
    if (have < count) {
      EXPECT_TRUE(pool.carve(count - have).has_value());
    }
    stacks.resize(count);
    EXPECT_EQ(pool.take(stacks.data(), count), count);
    for (Stack stack : stacks) stack.top[-1] = 7;
    pool.trim(100);  // from here on nothing has been left alone for long
  }
  ~StackPoolAging() override { pool.give_warm(stacks.data() + given, count - given); }
  void give(uint32_t n) {
    pool.give(stacks.data() + given, n);
    given += n;
  }
  uint32_t emptied() const {
    uint32_t n = 0;
    for (Stack stack : stacks) n += stack.top[-1] == 0;
    return n;
  }

  StackPool& pool;
  std::vector<Stack> stacks;
  uint32_t given = 0;
};
class StackPoolTrim : public StackPoolAging {
 protected:
  StackPoolTrim() : StackPoolAging(size_t{128} << 10) {}
};
class StackPoolDrain : public StackPoolAging {
 protected:
  StackPoolDrain() : StackPoolAging(size_t{512} << 10) {}
  ~StackPoolDrain() override { StackPool::release_lazily(false); }
};

TEST_F(StackPoolTrim, ReleasesTheLongestUnusedOnceTheyWereLeftAloneFromOneToTheNext) {
  give(count);
  EXPECT_EQ(pool.trim(0), 0u) << "some were in use until now";
  EXPECT_EQ(pool.trim(0), count - StackPool::warm_min);
  for (uint32_t i = 0; i < count; ++i)
    EXPECT_EQ(stacks[i].top[-1], i < count - StackPool::warm_min ? 0 : 7) << i;
  EXPECT_EQ(pool.trim(0), 0u);
}

TEST_F(StackPoolTrim, LeavesWhatIsTakenAgainAndAgain) {
  give(count);
  pool.trim(0);
  std::vector<Stack> some(count - 30);
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(pool.take(some.data(), count - 30), count - 30);
    pool.give(some.data(), count - 30);
    EXPECT_LE(pool.trim(0), 30u);
  }
  EXPECT_EQ(emptied(), 30u);
}

TEST_F(StackPoolTrim, LeavesThePercentageOfWhatIsInUse) {
  give(count - 50);
  pool.trim(1000);
  EXPECT_EQ(pool.trim(1000), 0u) << "50 are in use, 500 may be idle";
  EXPECT_EQ(pool.trim(100), count - 50 - StackPool::warm_min) << "at least warm_min may be";
}

TEST_F(StackPoolDrain, EmptiesAllThatAreIdleAndNoneInUse) {
  give(count - 10);
  EXPECT_EQ(pool.drain(), count - 10);
  EXPECT_EQ(emptied(), count - 10);
  EXPECT_EQ(pool.counts().warm, 0u);
  for (uint32_t i = count - 10; i < count; ++i) EXPECT_EQ(stacks[i].top[-1], 7) << i;
}

TEST_F(StackPoolDrain, TakesAtOnceWhatTheKernelWasToTakeWhenItLikes) {
  StackPool::release_lazily(true);
  give(count);
  pool.trim(0);
  uint32_t trimmed = pool.trim(0);
  EXPECT_EQ(trimmed, count - StackPool::warm_min);
  EXPECT_EQ(pool.counts().lazy, trimmed);
  for (Stack stack : stacks) EXPECT_FALSE(is_readable(pool.bottom(stack.slot) - 1));
  EXPECT_EQ(pool.drain(), count);
  EXPECT_EQ(pool.counts().lazy, 0u);
  EXPECT_EQ(emptied(), count);
  for (Stack stack : stacks) EXPECT_FALSE(is_readable(pool.bottom(stack.slot) - 1));
}

TEST(StackPool, TheCapOfMprotectIsANamedErrorAndGivesNoUnguardedStack) {
  StackPool& pool = StackPool::with(stack_bytes, StackGuard::mprotect);
  ASSERT_LT(pool.count_max(), SIZE_MAX);
  Result<void> carved = pool.carve(static_cast<uint32_t>(pool.count_max()) + 1);
  ASSERT_FALSE(carved.has_value());
  EXPECT_EQ(carved.error().code(), Code::resource_exhausted);
  EXPECT_THAT(
      std::string(carved.error().message()),
      testing::AllOf(testing::HasSubstr("guarded by mprotect"),
                     testing::HasSubstr(std::to_string(pool.count_max())),
                     testing::HasSubstr("vm.max_map_count"), testing::HasSubstr("Linux 6.13")));
  EXPECT_TRUE(pool.carve(1).has_value()) << "below the cap it goes on";
}

TEST(StackPool, AGuardThatTheKernelLacksIsRefusedNotReplaced) {
  Result<StackGuard> demanded = resolve(StackGuard::madvise);
  Result<StackGuard> chosen = resolve(StackGuard::automatic);
  ASSERT_TRUE(chosen.has_value());
  if (demanded.has_value()) {
    EXPECT_EQ(*chosen, StackGuard::madvise);
  } else {
    EXPECT_EQ(demanded.error().code(), Code::failed_precondition);
    EXPECT_EQ(*chosen, StackGuard::mprotect);
  }
}

}  // namespace
}  // namespace sluice::runtime
