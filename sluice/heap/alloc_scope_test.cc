// SPDX-License-Identifier: Apache-2.0

#include "sluice/heap/alloc_scope.h"

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/heap/internal/scopes.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/runtime.h"

namespace sluice::heap {

[[gnu::noinline]] void allocate_in_scope(size_t size) {
  auto memory = std::make_unique_for_overwrite<char[]>(size);
  asm volatile("" ::"r"(memory.get()));
}

namespace {

using Of = AllocScope::Of;
using Keep = AllocScope::Keep;

TEST(AllocScope, CountsEveryAllocationWhileItLives) {
  allocate_in_scope(10);
  AllocScope scope{Of::caller};
  EXPECT_EQ(scope.objects(), 0u);
  for (int i = 0; i < 5; ++i) allocate_in_scope(100);
  EXPECT_EQ(scope.objects(), 5u);
  EXPECT_EQ(scope.bytes(), 500u);
}

TEST(AllocScope, ScopesNest) {
  AllocScope outer{Of::caller};
  uint64_t of_inner;
  allocate_in_scope(1);
  {
    uint64_t before = outer.objects();
    AllocScope inner{Of::caller};
    of_inner = outer.objects() - before;
    allocate_in_scope(1);
    EXPECT_EQ(inner.objects(), 1u);
  }
  EXPECT_EQ(outer.objects(), 2 + of_inner);
}

TEST(AllocScope, OfTheCallerIgnoresOthers) {
  AllocScope process{Of::process};
  std::thread thread;
  std::atomic<bool> go_on{false};
  thread = std::thread([&] {
    while (!go_on) std::this_thread::yield();
    for (int i = 0; i < 10; ++i) allocate_in_scope(100);
  });
  AllocScope mine{Of::caller};
  go_on = true;
  thread.join();
  EXPECT_EQ(mine.objects(), 0u);
  EXPECT_GE(process.objects(), 10u);
}

TEST(AllocScope, FollowsItsGoroutineAcrossThreads) {
  Runtime runtime{{.max_procs = 2}};
  runtime.block_on([] {
    std::atomic<int> left{12};
    for (int i = 0; i < 12; ++i)
      go([&] {
        AllocScope scope{Of::caller};
        for (int round = 1; round <= 50; ++round) {
          allocate_in_scope(10);
          yield();
          ASSERT_EQ(scope.objects(), static_cast<uint64_t>(round));
        }
        --left;
      });
    while (left != 0) yield();
  });
}

TEST(AllocScope, KeepsStacksOnDemand) {
  AllocScope scope{Of::caller, Keep::stacks};
  volatile int times = 3;  // one call in a loop, not three calls
  for (int i = 0; i < times; ++i) allocate_in_scope(100);
  allocate_in_scope(50);
  HeapProfile profile = scope.stacks();
  ASSERT_EQ(profile.stacks.size(), 2u);
  EXPECT_EQ(profile.stacks[0].alloc_objects, 3);
  EXPECT_EQ(profile.stacks[0].alloc_bytes, 300);
  EXPECT_EQ(profile.stacks[0].inuse_bytes, 0);
  EXPECT_EQ(profile.stacks[1].alloc_objects, 1);
  EXPECT_EQ(scope.objects(), 4u) << "looking does not count";
  AllocScope totals{Of::caller};
  allocate_in_scope(1);
  EXPECT_TRUE(totals.stacks().stacks.empty());
}

TEST(AllocScope, EndsWhileOthersAllocate) {
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i)
    threads.emplace_back([&] {
      while (!stop.load(std::memory_order_relaxed)) allocate_in_scope(10);
    });
  for (int i = 0; i < 200; ++i) {
    AllocScope scope{Of::process, Keep::stacks};
    allocate_in_scope(1);
    EXPECT_GE(scope.objects(), 1u);
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
}

TEST(AllocScope, ItsEndWaitsForWhoeverIsAddingToIt) {
  ScopeCounts scope;
  std::atomic<bool> adding{false}, closed{false};
  bool closed_meanwhile = true;
  open_scope(scope);
  std::thread adder([&] {
    ScopeVisitor::visit(nullptr, [&](ScopeCounts&) {
      adding = true;
      for (int i = 0; i < 100; ++i) std::this_thread::yield();
      closed_meanwhile = closed;
    });
  });
  while (!adding) std::this_thread::yield();
  close_scope(scope);
  closed = true;
  adder.join();
  EXPECT_FALSE(closed_meanwhile);
}

TEST(AllocScopeDeathTest, ThereAreSixteenAtMost) {
  EXPECT_DEATH(
      {
        std::vector<std::unique_ptr<AllocScope>> scopes;
        for (int i = 0; i < 17; ++i) scopes.push_back(std::make_unique<AllocScope>(Of::process));
      },
      "too many AllocScopes");
}

}  // namespace
}  // namespace sluice::heap
