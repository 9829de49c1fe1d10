// SPDX-License-Identifier: Apache-2.0

#include "sluice/sync/wait_group.h"

#include <unistd.h>

#include <atomic>
#include <exception>
#include <memory>
#include <stdexcept>
#include <thread>

#include <gtest/gtest.h>

#include "sluice/chan/channel.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/runtime.h"

namespace sluice::sync {
namespace {

TEST(WaitGroup, WaitOnAFreshOneReturns) {
  WaitGroup group;
  group.wait();
  group.wait();
}

TEST(WaitGroup, NegativeCounterEndsTheProcess) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  EXPECT_DEATH(
      {
        WaitGroup group;
        group.add(1);
        group.done();
        group.done();
      },
      "sync: negative WaitGroup counter");
}

TEST(WaitGroup, FunctionThatThrowsEndsTheProcessAndNotTheWait) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  EXPECT_DEATH(
      {
        Runtime runtime{{.max_procs = 2}};
        WaitGroup group;
        group.go([] { throw std::runtime_error("the till is empty"); });
        group.wait();
        ::_exit(0);
      },
      "panic: the till is empty");
}

// A function whose copies fail.
struct Uncopyable {
  Uncopyable() = default;
  Uncopyable(const Uncopyable&) { throw std::runtime_error("no copy"); }
  void operator()() {}
};

class WaitGroupStress : public testing::TestWithParam<int> {
 protected:
  Runtime runtime_{{.max_procs = GetParam()}};
};
INSTANTIATE_TEST_SUITE_P(Procs, WaitGroupStress, testing::Values(1, 2, 4));

TEST_P(WaitGroupStress, WaitsForAll) {
  runtime_.block_on([] {
    WaitGroup first, second;
    const int n = 16;
    first.add(n);
    second.add(n);
    Channel<bool> exited{n};
    for (int i = 0; i < n; ++i)
      go([&] {
        first.done();
        second.wait();
        exited.send(true);
      });
    first.wait();
    for (int i = 0; i < n; ++i) {
      EXPECT_FALSE(exited.try_receive());
      second.done();
    }
    for (int i = 0; i < n; ++i) EXPECT_TRUE(exited.receive());
  });
}

TEST_P(WaitGroupStress, MayBeReused) {
  runtime_.block_on([] {
    WaitGroup group;
    for (int round = 0; round < 50; ++round) {
      std::atomic<int> ran{0};
      for (int i = 0; i < 4; ++i) group.go([&] { ++ran; });
      group.wait();
      EXPECT_EQ(ran, 4);
    }
  });
}

// The frame that holds the group ends as soon as wait() returns, while the last done() may still be
// on its way out: the sanitizers see a late touch.
TEST_P(WaitGroupStress, MayBeDestroyedWhenWaitReturns) {
  runtime_.block_on([] {
    for (int round = 0; round < 500; ++round) {
      auto group = std::make_unique<WaitGroup>();
      int written = 0;
      group->add(2);
      go([&group = *group] { group.done(); });
      go([&group = *group, &written] {
        written = 1;
        group.done();
      });
      group->wait();
      EXPECT_EQ(written, 1);
    }
  });
}

TEST_P(WaitGroupStress, RunsMoveOnlyFunctions) {
  runtime_.block_on([] {
    WaitGroup group;
    int sum = 0;
    group.go([value = std::make_unique<int>(5), &sum] { sum = *value; });
    group.wait();
    EXPECT_EQ(sum, 5);
  });
}

// What a function holds may refer to what goes when wait() returns. `held` is const because moving
// the closure copies it then: a moved-from closure would still hold it.
TEST_P(WaitGroupStress, FunctionsAreGoneWhenWaitReturns) {
  runtime_.block_on([] {
    std::atomic<bool> waited{false};
    Channel<bool> late{1};
    auto tell = [&waited, late](int* number) {
      delete number;
      for (int i = 0; i < 10; ++i) yield();  // whoever has been woken runs now
      late.send(waited);
    };
    WaitGroup group;
    {
      const std::shared_ptr<int> held(new int, tell);
      group.go([held] {});
    }
    group.wait();
    waited = true;
    EXPECT_EQ(late.receive(), false);
  });
}

TEST_P(WaitGroupStress, FunctionThatCannotBeCopiedIsNotWaitedFor) {
  runtime_.block_on([] {
    WaitGroup group;
    const Uncopyable fn;
    EXPECT_THROW(group.go(fn), std::runtime_error);
    group.wait();
  });
}

TEST(WaitGroupThatThrows, IsDoneWhereTheProcessGoesOn) {
  static std::atomic<int> failures;
  failures = 0;
  Runtime runtime{{.max_procs = 2, .on_panic = [](std::exception_ptr) { ++failures; }}};
  runtime.block_on([] {
    WaitGroup group;
    group.go([] { throw std::runtime_error("failed"); });
    group.wait();
    while (failures != 1) yield();
  });
}

TEST_P(WaitGroupStress, ThreadWaitsForGoroutines) {
  WaitGroup group;
  std::atomic<int> ran{0};
  for (int i = 0; i < 100; ++i) group.go([&] { ++ran; });
  group.wait();
  EXPECT_EQ(ran, 100);
}

TEST_P(WaitGroupStress, GoroutineWaitsForThreads) {
  WaitGroup group;
  group.add(2);
  std::thread left([&] { group.done(); });
  std::thread right([&] { group.done(); });
  runtime_.block_on([&] { group.wait(); });
  left.join();
  right.join();
}

}  // namespace
}  // namespace sluice::sync
