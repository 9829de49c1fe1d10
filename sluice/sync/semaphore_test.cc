// SPDX-License-Identifier: Apache-2.0

#include "sluice/sync/semaphore.h"

#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/chan/channel.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/runtime.h"
#include "sluice/sync/wait_group.h"

namespace sluice::sync {
namespace {

using namespace std::chrono_literals;

const Error because{Code::aborted, "because"};

TEST(Semaphore, GivesWhatIsFree) {
  Semaphore semaphore(3);
  EXPECT_TRUE(semaphore.try_acquire(2));
  EXPECT_FALSE(semaphore.try_acquire(2));
  EXPECT_TRUE(semaphore.try_acquire());
  EXPECT_FALSE(semaphore.try_acquire());
  semaphore.release(3);
  EXPECT_TRUE(semaphore.acquire(Context(), 3));
  semaphore.release(3);
}

TEST(Semaphore, ZeroUnitsAreAlwaysFree) {
  Semaphore semaphore(0);
  EXPECT_TRUE(semaphore.try_acquire(0));
  EXPECT_TRUE(semaphore.acquire(Context(), 0));
  EXPECT_FALSE(semaphore.try_acquire());
}

TEST(Semaphore, ReleasingMoreThanHeldEndsTheProcess) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  EXPECT_DEATH(
      {
        Semaphore semaphore(1);
        semaphore.release();
      },
      "sync: semaphore released more than held");
}

TEST(Semaphore, EndedContextWinsOverFreeUnits) {
  Semaphore semaphore(1);
  auto [context, cancel] = with_cancel(Context());
  cancel(because);
  Result<void> result = semaphore.acquire(context);
  ASSERT_FALSE(result);
  EXPECT_TRUE(is(result.error(), context_canceled));
  EXPECT_TRUE(semaphore.try_acquire());
  semaphore.release();
}

class SemaphoreStress : public testing::TestWithParam<int> {
 protected:
  Runtime runtime_{{.max_procs = GetParam()}};
};
INSTANTIATE_TEST_SUITE_P(Procs, SemaphoreStress, testing::Values(1, 2, 4));

TEST_P(SemaphoreStress, WaitsForARelease) {
  runtime_.block_on([] {
    Semaphore semaphore(1);
    semaphore.acquire();
    go([&] { semaphore.release(); });
    EXPECT_TRUE(semaphore.acquire(Context()));
    semaphore.release();
  });
}

TEST_P(SemaphoreStress, NeverGivesMoreThanItsSize) {
  runtime_.block_on([] {
    Semaphore semaphore(5);
    std::atomic<int64_t> held{0};
    WaitGroup group;
    for (int g = 0; g < 10; ++g)
      group.go([&, g] {
        std::minstd_rand random(g);
        for (int i = 0; i < 300; ++i) {
          int64_t n = 1 + int64_t(random() % 5);
          EXPECT_TRUE(semaphore.acquire(Context(), n));
          EXPECT_LE(held += n, 5);
          if (i % 4 == 0) yield();
          held -= n;
          semaphore.release(n);
        }
      });
    group.wait();
  });
}

// golang.org/x/sync: TestLargeAcquireDoesntStarve.
TEST_P(SemaphoreStress, LargeRequestIsNotStarvedBySmallOnes) {
  runtime_.block_on([] {
    const int n = 4;
    Semaphore semaphore(n);
    std::atomic<bool> running{true};
    WaitGroup group;
    for (int i = 0; i < n; ++i) semaphore.acquire();
    for (int i = 0; i < n; ++i)
      group.go([&] {
        while (running) {
          semaphore.release();
          yield();
          semaphore.acquire();
        }
        semaphore.release();
      });
    semaphore.acquire(n);
    running = false;
    semaphore.release(n);
    group.wait();
  });
}

TEST_P(SemaphoreStress, CancelWakesTheWaiter) {
  runtime_.block_on([] {
    Semaphore semaphore(1);
    semaphore.acquire();
    for (int i = 0; i < 200; ++i) {
      auto made = with_cancel(Context());
      go([cancel = std::move(made.cancel)] { cancel(because); });
      Result<void> result = semaphore.acquire(made.context);
      ASSERT_FALSE(result);
      EXPECT_TRUE(is(result.error(), context_canceled));
    }
    semaphore.release();
  });
}

TEST_P(SemaphoreStress, DeadlineWakesTheWaiter) {
  runtime_.block_on([] {
    Semaphore semaphore(1);
    semaphore.acquire();
    auto [context, cancel] = with_timeout(Context(), 1ms);
    Result<void> result = semaphore.acquire(context);
    ASSERT_FALSE(result);
    EXPECT_TRUE(is(result.error(), context_deadline_exceeded));
    semaphore.release();
  });
}

TEST_P(SemaphoreStress, MoreThanItsSizeWaitsForTheContextsEndAndBlocksNobody) {
  runtime_.block_on([] {
    Semaphore semaphore(2);
    auto made = with_cancel(Context());
    Channel<bool> refused{1};
    go([&, context = made.context] { refused.send(!semaphore.acquire(context, 3)); });
    yield();
    EXPECT_TRUE(semaphore.try_acquire(2));
    semaphore.release(2);
    made.cancel();
    EXPECT_TRUE(*refused.receive());
  });
}

// golang.org/x/sync: TestAllocCancelDoesntStarve.
TEST_P(SemaphoreStress, CancelledLargeRequestLetsThoseBehindItThrough) {
  runtime_.block_on([] {
    for (int i = 0; i < 100; ++i) {
      Semaphore semaphore(10);
      semaphore.acquire();
      auto made = with_cancel(Context());
      WaitGroup group;
      group.go([&] { EXPECT_FALSE(semaphore.acquire(made.context, 10)); });
      while (semaphore.try_acquire()) {  // until the large one waits
        semaphore.release();
        yield();
      }
      group.go([&] {
        EXPECT_TRUE(semaphore.acquire(Context()));
        semaphore.release();
      });
      yield();
      made.cancel();
      group.wait();
      semaphore.release();
    }
  });
}

// Cancel and release race for the same waiter: it gets the units or an error, never both.
TEST_P(SemaphoreStress, UnitsAreKeptWhenCancelRacesWithRelease) {
  runtime_.block_on([] {
    Semaphore semaphore(1);
    for (int i = 0; i < 300; ++i) {
      semaphore.acquire();
      auto made = with_cancel(Context());
      WaitGroup group;
      group.go([&] {
        if (semaphore.acquire(made.context)) semaphore.release();
      });
      group.go([&] { made.cancel(); });
      group.go([&] { semaphore.release(); });
      group.wait();
      EXPECT_TRUE(semaphore.try_acquire());
      semaphore.release();
    }
  });
}

TEST_P(SemaphoreStress, ThreadsTakePart) {
  Semaphore semaphore(2);
  std::atomic<int> held{0};
  auto use = [&] {
    for (int i = 0; i < 500; ++i) {
      semaphore.acquire();
      EXPECT_LE(++held, 2);
      --held;
      semaphore.release();
    }
  };
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) threads.emplace_back(use);
  runtime_.block_on([&] {
    WaitGroup group;
    for (int g = 0; g < 3; ++g) group.go(use);
    group.wait();
  });
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace sluice::sync
