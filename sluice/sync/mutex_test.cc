// SPDX-License-Identifier: Apache-2.0

#include "sluice/sync/mutex.h"

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/chan/channel.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/runtime.h"
#include "sluice/sync/internal/spin.h"
#include "sluice/sync/wait_group.h"

namespace sluice::sync {
namespace {

TEST(Mutex, TryLockSucceedsOnlyWhenFree) {
  Mutex mutex;
  EXPECT_TRUE(mutex.try_lock());
  EXPECT_FALSE(mutex.try_lock());
  mutex.unlock();
  mutex.lock();
  EXPECT_FALSE(mutex.try_lock());
  mutex.unlock();
}

TEST(Mutex, WorksWithTheStandardGuards) {
  Mutex mutex;
  {
    std::lock_guard lock(mutex);
    EXPECT_FALSE(mutex.try_lock());
  }
  std::unique_lock lock(mutex, std::try_to_lock);
  EXPECT_TRUE(lock.owns_lock());
  Mutex other;
  lock.unlock();
  std::scoped_lock both(mutex, other);
}

TEST(Mutex, NobodySpinsWhereOneProcessorRuns) {
  EXPECT_FALSE(internal::can_spin(0));  // no Runtime
  {
    Runtime runtime{{.max_procs = 1}};
    EXPECT_FALSE(internal::can_spin(0));
  }
  Runtime runtime{{.max_procs = 2}};
  EXPECT_TRUE(internal::can_spin(0));
  EXPECT_FALSE(internal::can_spin(4));
}

TEST(Mutex, UnlockOfUnlockedEndsTheProcess) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  Mutex mutex;
  EXPECT_DEATH(mutex.unlock(), "sync: unlock of unlocked mutex");
  EXPECT_DEATH(
      {
        mutex.lock();
        mutex.unlock();
        mutex.unlock();
      },
      "sync: unlock of unlocked mutex");
}

class MutexStress : public testing::TestWithParam<int> {
 protected:
  Runtime runtime_{{.max_procs = GetParam()}};
};
INSTANTIATE_TEST_SUITE_P(Procs, MutexStress, testing::Values(1, 2, 4));

TEST_P(MutexStress, OneAtATimeAndEverybodyGetsThrough) {
  runtime_.block_on([] {
    Mutex mutex;
    int counter = 0;
    WaitGroup group;
    for (int g = 0; g < 10; ++g)
      group.go([&] {
        for (int i = 0; i < 1000; ++i) {
          if (i % 3 == 0 && mutex.try_lock()) {
            ++counter;
            mutex.unlock();
            --i;
            yield();
            ++i;
            continue;
          }
          std::lock_guard lock(mutex);
          ++counter;
        }
      });
    group.wait();
    EXPECT_EQ(counter, 10'000);
  });
}

TEST_P(MutexStress, HolderMayPark) {
  runtime_.block_on([] {
    Mutex mutex;
    int counter = 0;
    WaitGroup group;
    for (int g = 0; g < 8; ++g)
      group.go([&] {
        for (int i = 0; i < 100; ++i) {
          std::lock_guard lock(mutex);
          int seen = counter;
          yield();
          counter = seen + 1;
        }
      });
    group.wait();
    EXPECT_EQ(counter, 800);
  });
}

TEST_P(MutexStress, MayBeUnlockedByAnotherGoroutine) {
  runtime_.block_on([] {
    Mutex mutex;
    for (int i = 0; i < 200; ++i) {
      mutex.lock();
      go([&] { mutex.unlock(); });
      mutex.lock();
      mutex.unlock();
    }
  });
}

// Somebody who holds the mutex nearly always must not starve who asks for it now and then.
TEST_P(MutexStress, StarvedWaiterIsServed) {
  runtime_.block_on([] {
    Mutex mutex;
    std::atomic<bool> stop{false};
    WaitGroup group;
    group.go([&] {
      while (!stop) {
        std::lock_guard lock(mutex);
        for (Instant start = now(); now() - start < std::chrono::microseconds(100);) {
        }
      }
    });
    for (int i = 0; i < 10; ++i) {
      yield();
      std::lock_guard lock(mutex);
    }
    stop = true;
    group.wait();
  });
}

TEST_P(MutexStress, ThreadsAndGoroutinesShareIt) {
  Mutex mutex;
  int counter = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) {
        std::lock_guard lock(mutex);
        ++counter;
      }
    });
  runtime_.block_on([&] {
    WaitGroup group;
    for (int g = 0; g < 4; ++g)
      group.go([&] {
        for (int i = 0; i < 2000; ++i) {
          std::lock_guard lock(mutex);
          ++counter;
        }
      });
    group.wait();
  });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(counter, 12'000);
}

// Many mutexes and many waiters at once, as Go's TestMutex "hammer" over several.
TEST_P(MutexStress, RingOfLocksGoesRound) {
  runtime_.block_on([] {
    constexpr int size = 7;
    Mutex mutexes[size];
    int tokens[size] = {};
    WaitGroup group;
    for (int g = 0; g < 14; ++g)
      group.go([&, g] {
        for (int i = 0; i < 300; ++i) {
          int at = (g + i) % size;
          std::lock_guard lock(mutexes[at]);
          ++tokens[at];
          if (i % 16 == 0) yield();
        }
      });
    group.wait();
    int sum = 0;
    for (int token : tokens) sum += token;
    EXPECT_EQ(sum, 14 * 300);
  });
}

}  // namespace
}  // namespace sluice::sync
