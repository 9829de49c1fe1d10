// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/timer.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <random>

#include <gtest/gtest.h>

#include "sluice/base/time.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/park.h"
#include "sluice/runtime/runtime.h"

namespace sluice::runtime {
namespace {

using namespace std::chrono_literals;

// What a callback saw; wakes the goroutine that made it.
struct Fired {
  G* waiter = current();
  uint64_t seq = 0;
  Instant at{};

  static void callback(void* arg, uint64_t seq) {
    auto* fired = static_cast<Fired*>(arg);
    fired->seq = seq;
    fired->at = now();
    ready(fired->waiter);
  }
};

class TimerOn : public testing::TestWithParam<int> {
 protected:
  Runtime runtime_{{.max_procs = GetParam()}};
};
INSTANTIATE_TEST_SUITE_P(Procs, TimerOn, testing::Values(1, 2));

TEST_P(TimerOn, FiresWithItsSequenceNumberAndNotEarly) {
  runtime_.block_on([] {
    Fired fired;
    Timer timer;
    const Instant when = now() + 2ms;
    timer.start(when, &Fired::callback, &fired, 7);
    park(WaitReason::sleep);
    EXPECT_EQ(fired.seq, 7u);
    EXPECT_GE(fired.at, when);
    EXPECT_FALSE(timer.stop());
  });
}

TEST_P(TimerOn, AMomentInThePastFiresAtOnce) {
  runtime_.block_on([] {
    Fired fired;
    Timer timer;
    timer.start(now() - 1s, &Fired::callback, &fired, 1);
    park(WaitReason::sleep);
    EXPECT_EQ(fired.seq, 1u);
  });
}

TEST_P(TimerOn, StopPreventsFiringAndTheTimerCanBeStartedAgain) {
  runtime_.block_on([] {
    Fired stopped;
    Fired fired;
    Timer timer;
    EXPECT_FALSE(timer.stop()) << "it was never started";
    timer.start(now() + 1h, &Fired::callback, &stopped, 1);
    EXPECT_TRUE(timer.stop());
    EXPECT_FALSE(timer.stop());
    timer.start(now() + 1ms, &Fired::callback, &fired, 2);
    park(WaitReason::sleep);
    EXPECT_EQ(fired.seq, 2u);
    EXPECT_EQ(stopped.seq, 0u);
  });
}

TEST_P(TimerOn, ItsMemoryMayGoOnceItHasFired) {
  runtime_.block_on([] {
    Fired fired;
    auto timer = std::make_unique<Timer>();
    timer->start(now() + 1ms, &Fired::callback, &fired, 3);
    park(WaitReason::sleep);
    timer.reset();
    EXPECT_EQ(fired.seq, 3u);
  });
}

// One goroutine stops its timer and sleeps until a later moment while the other P goes idle and
// polls: that must not sleep for longer than it announced. When it did, this hung within a second.
// Also models/poll.pml.
TEST(Timer, ASleepBesideAPollerThatSawAStoppedTimerEnds) {
  Runtime runtime{{.max_procs = 2}};
  runtime.block_on([] {
    std::minstd_rand random{1};
    for (int round = 0; round < 3000; ++round) {
      Timer timer;
      Fired stopped;
      std::atomic<bool> ran = false;
      timer.start(now() + 200us, &Fired::callback, &stopped, 1);
      go([&ran] { ran.store(true, std::memory_order_release); });
      // The other P runs that, here nobody else does; then it goes idle, which takes some µs.
      while (!ran.load(std::memory_order_acquire)) {
      }
      const Instant busy_until = now() + std::chrono::nanoseconds{random() % 20'000};
      while (now() < busy_until) {
      }
      if (!timer.stop()) park(WaitReason::sleep);
      sleep_for(210us);
    }
  });
}

}  // namespace
}  // namespace sluice::runtime
