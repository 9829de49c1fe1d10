// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/governor.h"

#include <signal.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <thread>

#include <gtest/gtest.h>

#include "sluice/runtime/go.h"
#include "sluice/runtime/internal/memory_meter.h"
#include "sluice/runtime/internal/pools.h"
#include "sluice/runtime/internal/quiet_thread.h"
#include "sluice/runtime/internal/scheduler.h"
#include "sluice/runtime/internal/stack_pool.h"
#include "sluice/runtime/internal/test_memory.h"
#include "sluice/runtime/proc_local.h"

namespace sluice::runtime {
namespace {

constexpr uint64_t mib = 1 << 20;

// So small that there is always too much in use.
constexpr RuntimeOptions always_critical{.max_procs = 2, .memory_limit_bytes = mib};
constexpr RuntimeOptions off{.max_procs = 2,
                             .memory_limit_bytes = memory_unlimited,
                             .pool_gc_percent = MemoryNotice::unlimited};

// Starts `count` goroutines that are all there at once, and waits for their end.
void burst(int count) {
  std::atomic<int> there{0};
  std::atomic<int> ended{0};
  for (int i = 0; i < count; ++i)
    go([&] {
      ++there;
      while (there.load() != count) yield();
      ++ended;
    });
  while (ended.load() != count) yield();
}

TEST(Governor, PublishesThePressureFromTheStartToTheEndOfARuntime) {
  EXPECT_EQ(memory_pressure(), MemoryPressure::none);
  {
    Runtime runtime(always_critical);
    EXPECT_EQ(memory_pressure(), MemoryPressure::critical);
    EXPECT_EQ(memory_stats().limit_bytes, mib);
    EXPECT_GT(memory_stats().used_bytes, mib);
  }
  EXPECT_EQ(memory_pressure(), MemoryPressure::none);
  EXPECT_EQ(memory_stats().limit_bytes, 0u);
}

TEST(Governor, TellsListenersOfPressureAndOfItsEnd) {
  Notices notices;
  Runtime runtime({.max_procs = 1,
                   .memory_limit_bytes = resident_bytes() + 512 * mib,
                   .pool_gc_percent = MemoryNotice::unlimited});
  MemoryStats before = memory_stats();
  size_t heard = 0;
  {
    Ballast ballast(512 * mib);
    notices.wait_for(MemoryPressure::critical);
    EXPECT_EQ(memory_pressure(), MemoryPressure::critical);
    notices.wait_for_more(1);  // it goes on
    heard = notices.heard().size();
  }
  notices.wait_for(MemoryPressure::none, heard);
  MemoryStats after = memory_stats();
  EXPECT_GT(after.times_critical, before.times_critical);
  EXPECT_GT(after.times_moderate, before.times_moderate);
  EXPECT_GT(after.drains, before.drains);
  EXPECT_GT(after.looks, before.looks);
}

// A listener that is slow to give back must not keep the level from being known.
TEST(Governor, GoesOnLookingWhileAListenerHears) {
  std::optional<Ballast> ballast;
  std::atomic<bool> seen{false};
  MemoryListener listener([&](MemoryNotice notice) {
    if (notice.pressure != MemoryPressure::critical || seen.load()) return;
    ballast.reset();
    while (memory_pressure() != MemoryPressure::none) std::this_thread::yield();
    seen.store(true);
  });
  ballast.emplace(512 * mib);
  Runtime runtime({.max_procs = 1, .memory_limit_bytes = resident_bytes()});
  while (!seen.load()) std::this_thread::yield();
}

TEST(Governor, UnderPressureTakesTheStacksOfPoolAndProcessorsBack) {
  Notices notices;
  Runtime runtime(always_critical);
  uint64_t before = memory_stats().stacks_drained;
  runtime.block_on([] { burst(300); });
  notices.wait_for_more(2);  // the drain that follows the first is over
  EXPECT_GT(memory_stats().stacks_drained, before);
}

TEST(Governor, WithoutPressureTakesWhatNobodyUsesAnyMore) {
  Notices notices;
  uint64_t before = memory_stats().stacks_trimmed;
  constexpr uint64_t count = 700;
  constexpr uint64_t beyond = count - 2 * P::stack_cache_max - StackPool::warm_min;
  {
    Runtime runtime(
        {.max_procs = 2, .memory_limit_bytes = memory_unlimited, .pool_gc_percent = 50});
    runtime.block_on([&] {
      burst(count);
      while (memory_stats().stacks_trimmed - before < beyond) yield();
    });
  }
  EXPECT_EQ(notices.heard().back().pressure, MemoryPressure::none);
  EXPECT_EQ(notices.heard().back().idle_percent, 50u);
}

TEST(Governor, IsAwakenedWhenTheSchedulerIs) {
  Notices notices;
  Runtime runtime({.max_procs = 1, .memory_limit_bytes = memory_unlimited, .pool_gc_percent = 50});
  runtime.block_on([&] { notices.wait_for_more(1); });
  while (!sysmon_sleeps()) std::this_thread::yield();
  std::atomic<bool> over{false};
  std::thread busy([&] {
    runtime.block_on([&] {
      while (!over.load()) yield();
    });
  });
  notices.wait_for_more(3);  // more than there are once all is idle
  over.store(true);
  busy.join();
}

TEST(Governor, SwitchedOffDoesNothing) {
  Notices notices;
  uint64_t looks = memory_stats().looks;
  Runtime runtime(off);
  runtime.block_on([] { burst(100); });
  EXPECT_EQ(memory_stats().looks, looks);
  EXPECT_TRUE(notices.heard().empty());
  EXPECT_GT(memory_stats().used_bytes, 0u);
}

// Draining and emptying slots beside goroutines that use stacks and slots all the time: no stack is
// lost or given to two, and no visitor meets a user.
TEST(Governor, DrainsBesideGoroutinesThatStartAndEnd) {
  Runtime runtime(off);
  struct alignas(128) Slot {
    uint64_t pinned = 0;  // not atomic: by its one user at a time
  };
  std::vector<Slot> slots(static_cast<size_t>(pin_slots()));
  std::atomic<bool> over{false};
  std::atomic<uint64_t> pins{0};
  std::thread drainer([&] {
    while (!over.load()) {
      give_back_cached_stacks();
      stack_pool->drain();
      for (int i = 0; i < pin_slots(); ++i)
        visit_slot(i, [](void* slot) { ++static_cast<Slot*>(slot)->pinned; }, &slots[size_t(i)]);
    }
  });
  runtime.block_on([&] {
    for (int round = 0; round < 200; ++round) {
      std::atomic<int> ended{0};
      constexpr int count = 300;
      for (int i = 0; i < count; ++i)
        go([&, i] {
          char frame[4096];
          std::fill(std::begin(frame), std::end(frame), static_cast<char>(i));
          yield();
          ++slots[size_t(pin())].pinned;
          unpin();
          pins.fetch_add(1);
          bool intact = std::all_of(std::begin(frame), std::end(frame),
                                    [i](char c) { return c == static_cast<char>(i); });
          EXPECT_TRUE(intact);
          ++ended;
        });
      while (ended.load() != count) yield();
    }
  });
  over.store(true);
  drainer.join();
  EXPECT_EQ(pins.load(), 200u * 300u);
}

TEST(VisitSlot, SaysWhenThereIsNone) {
  Runtime runtime(off);
  bool visited = false;
  auto visit = [](void* flag) { *static_cast<bool*>(flag) = true; };
  EXPECT_FALSE(visit_slot(pin_slots(), visit, &visited));
  EXPECT_FALSE(visited);
  EXPECT_TRUE(visit_slot(0, visit, &visited));
  EXPECT_TRUE(visited);
}

void* is_term_blocked(void* blocked) {
  sigset_t set;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &set);
  *static_cast<bool*>(blocked) = ::sigismember(&set, SIGTERM) == 1;
  return nullptr;
}

TEST(QuietThread, HandlesNoSignals) {
  bool blocked = false;
  pthread_t thread;
  ASSERT_EQ(create_quiet_thread(&thread, is_term_blocked, &blocked), 0);
  ::pthread_join(thread, nullptr);
  EXPECT_TRUE(blocked);
  is_term_blocked(&blocked);
  EXPECT_FALSE(blocked) << "the creator's signals are as they were";
}

}  // namespace
}  // namespace sluice::runtime
