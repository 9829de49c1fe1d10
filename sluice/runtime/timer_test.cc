// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/timer.h"

#include <chrono>
#include <memory>

#include <gtest/gtest.h>

#include "sluice/base/time.h"
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

}  // namespace
}  // namespace sluice::runtime
