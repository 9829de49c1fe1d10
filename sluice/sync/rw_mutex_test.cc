// SPDX-License-Identifier: Apache-2.0

#include "sluice/sync/rw_mutex.h"

#include <atomic>
#include <mutex>
#include <shared_mutex>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/chan/channel.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/runtime.h"
#include "sluice/sync/guarded.h"
#include "sluice/sync/wait_group.h"

namespace sluice::sync {
namespace {

TEST(RWMutex, ReadersShareAndWritersDoNot) {
  RWMutex mutex;
  std::shared_lock first(mutex);
  std::shared_lock second(mutex, std::try_to_lock);
  EXPECT_TRUE(second.owns_lock());
  EXPECT_FALSE(mutex.try_lock());
  first.unlock();
  second.unlock();
  std::lock_guard writer(mutex);
  EXPECT_FALSE(mutex.try_lock());
  EXPECT_FALSE(mutex.try_lock_shared());
}

TEST(RWMutex, MisuseEndsTheProcess) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  RWMutex mutex;
  EXPECT_DEATH(mutex.unlock(), "sync: unlock of unlocked RWMutex");
  EXPECT_DEATH(mutex.unlock_shared(), "sync: unlock_shared of unlocked RWMutex");
  EXPECT_DEATH(
      {
        mutex.lock();
        mutex.unlock_shared();
      },
      "sync: unlock_shared of unlocked RWMutex");
  EXPECT_DEATH(
      {
        mutex.lock_shared();
        mutex.unlock();
      },
      "sync: unlock of unlocked RWMutex");
}

class RWMutexStress : public testing::TestWithParam<int> {
 protected:
  Runtime runtime_{{.max_procs = GetParam()}};
};
INSTANTIATE_TEST_SUITE_P(Procs, RWMutexStress, testing::Values(1, 2, 4));

TEST_P(RWMutexStress, ReadersAreInsideTogether) {
  runtime_.block_on([] {
    RWMutex mutex;
    const int readers = 6;
    Channel<Unit> inside, leave;
    WaitGroup group;
    for (int i = 0; i < readers; ++i)
      group.go([&] {
        std::shared_lock lock(mutex);
        inside.send({});
        leave.receive();
      });
    for (int i = 0; i < readers; ++i) inside.receive();
    for (int i = 0; i < readers; ++i) leave.send({});
    group.wait();
  });
}

// Go's HammerRWMutex: `activity` counts a writer as 10,000 and a reader as 1.
TEST_P(RWMutexStress, WritersAreAlone) {
  runtime_.block_on([] {
    RWMutex mutex;
    std::atomic<int> activity{0};
    WaitGroup group;
    auto reader = [&] {
      for (int i = 0; i < 300; ++i) {
        std::shared_lock lock(mutex);
        int seen = ++activity;
        EXPECT_TRUE(seen >= 1 && seen < 10'000);
        if (i % 8 == 0) yield();
        --activity;
      }
    };
    auto writer = [&] {
      for (int i = 0; i < 300; ++i) {
        if (i % 4 == 0) {
          if (!mutex.try_lock()) mutex.lock();
        } else {
          mutex.lock();
        }
        EXPECT_EQ(activity += 10'000, 10'000);
        if (i % 8 == 0) yield();
        activity -= 10'000;
        mutex.unlock();
      }
    };
    for (int i = 0; i < 6; ++i) group.go(reader);
    for (int i = 0; i < 2; ++i) group.go(writer);
    group.wait();
  });
}

TEST_P(RWMutexStress, WaitingWriterGoesBeforeNewReaders) {
  runtime_.block_on([] {
    RWMutex mutex;
    mutex.lock_shared();
    WaitGroup group;
    std::atomic<bool> written{false};
    group.go([&] {
      std::lock_guard lock(mutex);
      written = true;
    });
    while (mutex.try_lock_shared()) {  // until the writer waits
      mutex.unlock_shared();
      yield();
    }
    group.go([&] {
      std::shared_lock lock(mutex);
      EXPECT_TRUE(written);
    });
    EXPECT_FALSE(written);
    mutex.unlock_shared();
    group.wait();
  });
}

// Two writers in a row with a reader that waits between them: it is let in by the first one's
// unlock.
TEST_P(RWMutexStress, WaitingReaderIsNotOvertakenForEver) {
  runtime_.block_on([] {
    RWMutex mutex;
    std::atomic<bool> read{false};
    WaitGroup group;
    group.go([&] {
      while (!read) {
        std::lock_guard lock(mutex);
        yield();
      }
    });
    group.go([&] {
      yield();
      std::shared_lock lock(mutex);
      read = true;
    });
    group.wait();
  });
}

TEST_P(RWMutexStress, ThreadsTakePart) {
  RWMutex mutex;
  int counter = 0;
  auto use = [&] {
    for (int i = 0; i < 1000; ++i) {
      if (i % 4 == 0) {
        std::lock_guard lock(mutex);
        ++counter;
      } else {
        std::shared_lock lock(mutex);
        EXPECT_GE(counter, 0);
      }
    }
  };
  std::thread thread(use);
  runtime_.block_on([&] {
    WaitGroup group;
    for (int g = 0; g < 3; ++g) group.go(use);
    group.wait();
  });
  thread.join();
  EXPECT_EQ(counter, 4 * 250);
}

TEST(Guarded, GivesAccessUnderTheLock) {
  Guarded<int> value(1);
  *value.lock() += 4;
  EXPECT_EQ(*value.read(), 5);
}

TEST(Guarded, ConstructsInPlace) {
  Guarded<std::vector<int>> value(std::in_place, 3, 7);
  EXPECT_EQ(value.read()->size(), 3u);
}

TEST(Guarded, ReadersMayOverlap) {
  Guarded<int> value(1);
  auto first = value.read();
  auto second = value.read();
  EXPECT_EQ(*first + *second, 2);
}

TEST_P(RWMutexStress, GuardedCountsEveryWrite) {
  runtime_.block_on([] {
    Guarded<int> value(0);
    WaitGroup group;
    for (int g = 0; g < 6; ++g)
      group.go([&] {
        for (int i = 0; i < 300; ++i) {
          ++*value.lock();
          if (i % 16 == 0) yield();
        }
      });
    group.wait();
    EXPECT_EQ(*value.read(), 1800);
  });
}

}  // namespace
}  // namespace sluice::sync
