// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/runtime.h"

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "sluice/runtime/park.h"

namespace sluice {
namespace {

// Blocks the calling goroutine until `count` calls of done().
class Countdown {
 public:
  explicit Countdown(int count) : left_(count) {}
  void done() {
    if (left_.fetch_sub(1, std::memory_order_acq_rel) == 1) runtime::ready(waiter_);
  }
  void wait() { runtime::park(runtime::WaitReason::wait_group); }

 private:
  std::atomic<int> left_;
  runtime::G* waiter_ = runtime::current();
};

class RuntimeOn : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Procs, RuntimeOn, testing::Values(1, 2, 4));

TEST_P(RuntimeOn, BlockOnReturnsTheValueOfTheFunction) {
  Runtime runtime{{.max_procs = GetParam()}};
  EXPECT_EQ(*runtime.block_on([] { return std::make_unique<int>(42); }), 42);
}

TEST_P(RuntimeOn, RunsManyGoroutinesToTheirEnd) {
  Runtime runtime{{.max_procs = GetParam()}};
  std::atomic<int> sum = 0;
  runtime.block_on([&] {
    Countdown all(10'000);
    for (int i = 0; i < 10'000; ++i)
      go([&, i] {
        sum += i;
        all.done();
      });
    all.wait();
  });
  EXPECT_EQ(sum, 10'000 * 9'999 / 2);
}

TEST_P(RuntimeOn, YieldLetsEveryOtherGoroutineGoOn) {
  Runtime runtime{{.max_procs = GetParam()}};
  std::atomic<int> yields = 0;
  runtime.block_on([&] {
    Countdown all(100);
    for (int i = 0; i < 100; ++i)
      go([&] {
        for (int j = 0; j < 1000; ++j) {
          ++yields;
          yield();
        }
        all.done();
      });
    all.wait();
  });
  EXPECT_EQ(yields, 100'000);
}

TEST_P(RuntimeOn, ParkAndReadyHandOverInBothOrders) {
  Runtime runtime{{.max_procs = GetParam()}};
  int rounds = 0;
  runtime.block_on([&] {
    runtime::G* first = runtime::current();
    std::atomic<runtime::G*> second = nullptr;
    Countdown end(1);
    go([&] {
      second = runtime::current();
      runtime::ready(first);
      for (int i = 0; i < 20'000; ++i) {
        runtime::park(runtime::WaitReason::chan_receive);
        ++rounds;
        runtime::ready(first);
      }
      end.done();
    });
    runtime::park(runtime::WaitReason::chan_receive);
    for (int i = 0; i < 20'000; ++i) {
      runtime::ready(second);
      runtime::park(runtime::WaitReason::chan_receive);
    }
    end.wait();
  });
  EXPECT_EQ(rounds, 20'000);
}

TEST_P(RuntimeOn, TwoThatWakeEachOtherForEverDoNotStarveAThird) {
  Runtime runtime{{.max_procs = GetParam()}};
  runtime.block_on([&] {
    std::atomic<bool> stop = false;
    bool quit = false;
    runtime::G* ping = runtime::current();
    std::atomic<runtime::G*> pong = nullptr;
    Countdown ended(1);
    go([&] {
      pong = runtime::current();
      runtime::ready(ping);
      for (;;) {
        runtime::park(runtime::WaitReason::chan_receive);
        if (quit) break;
        runtime::ready(ping);
      }
      ended.done();
    });
    runtime::park(runtime::WaitReason::chan_receive);
    go([&] { stop = true; });
    while (!stop) {
      runtime::ready(pong);
      runtime::park(runtime::WaitReason::chan_receive);
    }
    quit = true;
    runtime::ready(pong);
    ended.wait();
  });
}

TEST_P(RuntimeOn, SleepersWakeInTheOrderOfTheirDeadlines) {
  Runtime runtime{{.max_procs = GetParam()}};
  std::atomic<int> awake = 0;
  runtime.block_on([&] {
    Countdown all(200);
    for (int i = 0; i < 200; ++i)
      go([&, i] {
        Instant start = now();
        sleep_for(std::chrono::microseconds(i * 50));
        EXPECT_GE(now() - start, std::chrono::microseconds(i * 50)) << "a timer fired early";
        ++awake;
        all.done();
      });
    all.wait();
  });
  EXPECT_EQ(awake, 200);
}

TEST_P(RuntimeOn, AForeignThreadSpawnsAndIsWokenByAGoroutine) {
  Runtime runtime{{.max_procs = GetParam()}};
  std::thread thread([] {
    for (int i = 0; i < 1000; ++i) {
      Countdown one(1);
      go([&] { one.done(); });
      one.wait();
    }
  });
  thread.join();
}

TEST_P(RuntimeOn, BlockingReturnsTheValueAndOthersGoOnMeanwhile) {
  Runtime runtime{{.max_procs = GetParam()}};
  runtime.block_on([&] {
    std::atomic<bool> others_ran = false;
    go([&] { others_ran = true; });
    int value = blocking([&] {
      while (!others_ran) std::this_thread::yield();
      return 7;
    });
    EXPECT_EQ(value, 7);
  });
}

TEST_P(RuntimeOn, ALoopThatCallsNothingLosesItsProcessorToOthers) {
  Runtime runtime{{.max_procs = GetParam()}};
  runtime.block_on([&] {
    std::atomic<bool> stop = false;
    Countdown hogs(GetParam());
    for (int i = 0; i < GetParam(); ++i)
      go([&] {
        while (!stop.load(std::memory_order_relaxed)) {
        }
        hogs.done();
      });
    for (int i = 0; i < 10; ++i) sleep_for(std::chrono::milliseconds(1));
    stop = true;
    hogs.wait();
  });
}

TEST_P(RuntimeOn, AnExceptionReachesTheCallerOfBlockOn) {
  Runtime runtime{{.max_procs = GetParam()}};
  EXPECT_THROW(runtime.block_on([] { throw std::runtime_error("x"); }), std::runtime_error);
}

TEST_P(RuntimeOn, ParkingInsideACatchBlockKeepsItsException) {
  Runtime runtime{{.max_procs = GetParam()}};
  runtime.block_on([&] {
    Countdown all(20);
    for (int i = 0; i < 20; ++i)
      go([&, i] {
        try {
          throw i;
        } catch (int) {
          for (int j = 0; j < 100; ++j) yield();
          try {
            throw;
          } catch (int caught) {
            EXPECT_EQ(caught, i);
          }
        }
        EXPECT_EQ(std::uncaught_exceptions(), 0);
        all.done();
      });
    all.wait();
  });
}

TEST_P(RuntimeOn, ABigClosureLiesOnTheStack) {
  Runtime runtime{{.max_procs = GetParam()}};
  std::atomic<int> sum = 0;
  runtime.block_on([&] {
    Countdown all(100);
    struct alignas(64) Big {
      int values[1000];
    };
    for (int i = 0; i < 100; ++i) {
      Big big{};
      big.values[999] = i;
      go([&, big] {
        sum += big.values[999] + (reinterpret_cast<uintptr_t>(&big) % 64 == 0 ? 0 : 1000000);
        all.done();
      });
    }
    all.wait();
  });
  EXPECT_EQ(sum, 4950);
}

TEST(Runtime, AClosureThatWouldFillHalfTheStackIsANamedError) {
  Runtime runtime{{.max_procs = 1, .stack_bytes = 32768}};
  struct Big {
    char bytes[16000];
  };
  auto closure = [big = Big{}] { static_cast<void>(big); };
  Result<void> by_a_thread = try_go(closure);
  ASSERT_FALSE(by_a_thread.has_value());
  EXPECT_EQ(by_a_thread.error().code(), Code::invalid_argument);
  Result<void> by_a_goroutine = runtime.block_on([&] { return try_go(closure); });
  ASSERT_FALSE(by_a_goroutine.has_value());
  EXPECT_EQ(by_a_goroutine.error().code(), Code::invalid_argument);
}

TEST(Runtime, AClosureOfNearlyHalfTheSmallestStackRuns) {
  Runtime runtime{{.max_procs = 1, .stack_bytes = 32768}};
  runtime.block_on([] {
    constexpr int count = 40;  // of every colour
    Countdown all(count);
    struct Big {
      char bytes[8000];
    };
    for (int i = 0; i < count; ++i)
      go([big = Big{}, &all] {
        EXPECT_EQ(big.bytes[0] + big.bytes[7999], 0);
        all.done();
      });
    all.wait();
  });
}

TEST(Runtime, StartsAndStopsAgainAndAgain) {
  for (int i = 0; i < 50; ++i) {
    Runtime runtime{{.max_procs = 1 + i % 3}};
    int n = 0;
    runtime.block_on([&] {
      Countdown all(10);
      for (int j = 0; j < 10; ++j) go([&] { all.done(); });
      all.wait();
      n = 1;
    });
    EXPECT_EQ(n, 1);
  }
}

TEST(Runtime, GoWithoutARuntimeIsANamedError) {
  Result<void> result = try_go([] {});
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code(), Code::failed_precondition);
}

}  // namespace
}  // namespace sluice
