// SPDX-License-Identifier: Apache-2.0

#include "sluice/sync/cond.h"

#include <mutex>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/chan/channel.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/runtime.h"
#include "sluice/sync/mutex.h"
#include "sluice/sync/wait_group.h"

namespace sluice::sync {
namespace {

using namespace std::chrono_literals;

class CondStress : public testing::TestWithParam<int> {
 protected:
  Runtime runtime_{{.max_procs = GetParam()}};
};
INSTANTIATE_TEST_SUITE_P(Procs, CondStress, testing::Values(1, 2, 4));

TEST_P(CondStress, SignalWakesOne) {
  runtime_.block_on([] {
    Mutex mutex;
    Cond cond;
    const int n = 4;
    Channel<Unit> running{n}, awake{n};
    for (int i = 0; i < n; ++i)
      go([&] {
        std::unique_lock lock(mutex);
        running.send({});
        cond.wait(lock);
        awake.send({});
      });
    for (int i = 0; i < n; ++i) running.receive();
    for (int left = n; left > 0; --left) {
      EXPECT_FALSE(awake.try_receive());
      {
        std::lock_guard lock(mutex);
        cond.signal();
      }
      awake.receive();
    }
    cond.signal();
    std::lock_guard settled(mutex);
  });
}

TEST_P(CondStress, SignalsGoInTheOrderOfWaiting) {
  runtime_.block_on([] {
    Mutex mutex;
    Cond cond;
    const int n = 50;
    Channel<Unit> running{n};
    Channel<int> awake{n};
    WaitGroup group;
    for (int i = 0; i < n; ++i) {
      group.go([&, i] {
        std::unique_lock lock(mutex);
        running.send({});
        cond.wait(lock);
        awake.send(i);
      });
      running.receive();
      std::lock_guard waiting(mutex);  // it has released the mutex, so it waits
    }
    for (int i = 0; i < n; ++i) {
      cond.signal();
      EXPECT_EQ(*awake.receive(), i);
    }
    group.wait();
  });
}

TEST_P(CondStress, BroadcastWakesAllWhoWait) {
  runtime_.block_on([] {
    Mutex mutex;
    Cond cond;
    bool open = false;
    int passed = 0;
    WaitGroup group;
    for (int i = 0; i < 20; ++i)
      group.go([&] {
        std::unique_lock lock(mutex);
        cond.wait(lock, [&] { return open; });
        ++passed;
      });
    yield();
    {
      std::lock_guard lock(mutex);
      open = true;
      cond.broadcast();
    }
    group.wait();
    EXPECT_EQ(passed, 20);
  });
}

TEST_P(CondStress, WakingNobodyIsAllowed) {
  Cond cond;
  cond.signal();
  cond.broadcast();
}

// Go's TestRace: three goroutines hand a counter on under one condition.
TEST_P(CondStress, TurnsAreTaken) {
  runtime_.block_on([] {
    Mutex mutex;
    Cond cond;
    int turn = 0;
    WaitGroup group;
    for (int self = 0; self < 3; ++self)
      group.go([&, self] {
        for (int i = 0; i < 200; ++i) {
          std::unique_lock lock(mutex);
          cond.wait(lock, [&] { return turn % 3 == self; });
          ++turn;
          cond.broadcast();
        }
      });
    group.wait();
    EXPECT_EQ(turn, 600);
  });
}

// Go's TestCondSignalStealing: a newcomer must not take the signal of one who waits already.
TEST_P(CondStress, NewcomerDoesNotStealASignal) {
  runtime_.block_on([] {
    for (int round = 0; round < 200; ++round) {
      Mutex mutex;
      Cond cond;
      Channel<Unit> first_waits, first_awake{1};
      WaitGroup group;
      group.go([&] {
        std::unique_lock lock(mutex);
        first_waits.send({});
        cond.wait(lock);
        first_awake.send({});
      });
      first_waits.receive();
      {
        std::lock_guard it_waits(mutex);
      }
      bool done = false;
      group.go([&] {
        std::unique_lock lock(mutex);
        while (!done) cond.wait(lock);
      });
      cond.signal();
      first_awake.receive();
      {
        std::lock_guard lock(mutex);
        done = true;
        cond.broadcast();
      }
      group.wait();
    }
  });
}

TEST_P(CondStress, WorksWithAPlainMutex) {
  runtime_.block_on([] {
    Mutex mutex;
    Cond cond;
    bool ready = false;
    WaitGroup group;
    group.go([&] {
      mutex.lock();
      while (!ready) cond.wait(mutex);
      mutex.unlock();
    });
    mutex.lock();
    ready = true;
    mutex.unlock();
    cond.signal();
    group.wait();
  });
}

TEST_P(CondStress, CancelWakesTheWaiterWithTheLockHeld) {
  runtime_.block_on([] {
    for (int i = 0; i < 100; ++i) {
      Mutex mutex;
      Cond cond;
      auto made = with_cancel(Context());
      go([cancel = std::move(made.cancel)] { cancel(); });
      std::unique_lock lock(mutex);
      Result<void> result = cond.wait(made.context, lock, [] { return false; });
      ASSERT_FALSE(result);
      EXPECT_TRUE(is(result.error(), context_canceled));
      EXPECT_FALSE(mutex.try_lock());
    }
  });
}

TEST_P(CondStress, DeadlineWakesTheWaiter) {
  runtime_.block_on([] {
    Mutex mutex;
    Cond cond;
    auto [context, cancel] = with_timeout(Context(), 1ms);
    std::unique_lock lock(mutex);
    EXPECT_TRUE(is(cond.wait(context, lock).error(), context_deadline_exceeded));
  });
}

// A signal goes to exactly one of a cancelled and a patient waiter, or to none that is gone.
TEST_P(CondStress, SignalIsNotLostToACancelledWaiter) {
  runtime_.block_on([] {
    for (int round = 0; round < 200; ++round) {
      Mutex mutex;
      Cond cond;
      int permits = 0, taken = 0;
      auto made = with_cancel(Context());
      WaitGroup group;
      group.go([&] {
        std::unique_lock lock(mutex);
        Result<void> got = cond.wait(made.context, lock, [&] { return permits > 0; });
        if (!got) return;
        --permits;
        ++taken;
        cond.broadcast();
      });
      group.go([&] { made.cancel(); });
      group.go([&] {
        std::lock_guard lock(mutex);
        ++permits;
        cond.signal();
      });
      group.go([&] {
        std::unique_lock lock(mutex);
        cond.wait(lock, [&] { return permits > 0 || taken > 0; });
        if (taken == 0) {
          --permits;
          ++taken;
        }
      });
      group.wait();
      EXPECT_EQ(taken, 1);
    }
  });
}

TEST_P(CondStress, ThreadAndGoroutineWakeEachOther) {
  Mutex mutex;
  Cond cond;
  int turn = 0;
  auto play = [&](int self) {
    for (int i = 0; i < 100; ++i) {
      std::unique_lock lock(mutex);
      cond.wait(lock, [&] { return turn % 2 == self; });
      ++turn;
      cond.signal();
    }
  };
  std::thread thread([&] { play(0); });
  runtime_.block_on([&] { play(1); });
  thread.join();
  EXPECT_EQ(turn, 200);
}

}  // namespace
}  // namespace sluice::sync
