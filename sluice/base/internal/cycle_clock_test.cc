// SPDX-License-Identifier: Apache-2.0

#include "sluice/base/internal/cycle_clock.h"

#include <time.h>

#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/base/time.h"

namespace sluice::internal {
namespace {

constexpr uint64_t span = CycleClock::span;

// A counter of 2 GHz and a kernel's clock that may run off it, both by hand.
class CycleClockTest : public testing::Test {
 protected:
  // What now() does.
  int64_t now() {
    if (std::optional<int64_t> ns = clock_.read(cycles_)) return *ns;
    ++settled_;
    return clock_.settle(cycles_, kernel_ns_);
  }
  void advance(uint64_t cycles, int64_t kernel_ns) {
    cycles_ += cycles;
    kernel_ns_ += kernel_ns;
  }
  void advance(uint64_t cycles) { advance(cycles, static_cast<int64_t>(cycles / 2)); }
  // Anchored, with a rate.
  void warm_up() {
    for (int i = 0; i < 8; ++i) {
      now();
      advance(span);
    }
    now();
  }

  CycleClock clock_;
  uint64_t cycles_ = 1'000'000'000'000;
  int64_t kernel_ns_ = 7'000'000'000;
  int settled_ = 0;
};

TEST_F(CycleClockTest, WithoutAnAnchorNothingIsRead) {
  EXPECT_EQ(clock_.read(cycles_), std::nullopt);
  EXPECT_EQ(clock_.read(0), std::nullopt);
  EXPECT_EQ(now(), kernel_ns_);
}

TEST_F(CycleClockTest, ExtrapolatesAtTheMeasuredRate) {
  warm_up();
  int settled = settled_;
  for (int i = 0; i < 100; ++i) {
    advance(span / 200);
    EXPECT_NEAR(double(now()), double(kernel_ns_), 2);
  }
  EXPECT_EQ(settled_, settled) << "an anchor covers half its span";
}

TEST_F(CycleClockTest, AnAnchorEndsWithItsSpan) {
  warm_up();
  advance(span + 1);
  EXPECT_EQ(clock_.read(cycles_), std::nullopt);
  EXPECT_EQ(clock_.read(cycles_ - 2 * span - 2), std::nullopt) << "before the anchor";
}

TEST_F(CycleClockTest, AfterAnIdleHourTheKernelIsRight) {
  warm_up();
  advance(7'200'000'000'000, 3'600'000'000'000 + 12'345'678);  // steered meanwhile
  EXPECT_EQ(now(), kernel_ns_);
}

TEST_F(CycleClockTest, NeverGoesBackWhenTheKernelsClockSlowsDown) {
  warm_up();
  int64_t last = now();
  for (int i = 0; i < 20'000; ++i) {
    advance(span / 100, int64_t(span / 200 - span / 400'000));  // 500 ppm slower
    int64_t next = now();
    ASSERT_GE(next, last);
    last = next;
  }
  EXPECT_NEAR(double(last), double(kernel_ns_), 10'000) << "and follows it";
}

TEST_F(CycleClockTest, ALeadIsGivenBack) {
  warm_up();
  advance(span / 2, 0);  // the kernel's clock stood still for 4 ms
  int64_t ahead = now();
  EXPECT_GT(ahead, kernel_ns_ + 4'000'000);
  for (int i = 0; i < 2'000'000 && now() > kernel_ns_ + 1000; ++i) advance(span / 10);
  EXPECT_LE(now(), kernel_ns_ + 1000);
}

TEST_F(CycleClockTest, ACounterThatJumpsBackIsNotBelieved) {
  warm_up();
  int64_t before = now();
  cycles_ -= 1'000'000'000;
  kernel_ns_ += 100;
  int64_t after = now();
  EXPECT_GE(after, before);
  EXPECT_LE(after, before + 10'000'000);
}

int64_t kernels() {
  timespec time;
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

// The real clock, by whichever way it is read here. The bracket holds however long a thread is
// descheduled; 50 µs are ten times what a slewing clock may be off.
TEST(Now, StaysBesideTheKernelsClock) {
  for (int i = 0; i < 200'000; ++i) {
    int64_t before = kernels();
    int64_t here = sluice::now().time_since_epoch().count();
    int64_t after = kernels();
    ASSERT_GE(here, before - 50'000);
    ASSERT_LE(here, after + 50'000);
  }
}

TEST(Now, DoesNotGoBackOnAnyThread) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([] {
      Instant last = sluice::now();
      for (int i = 0; i < 300'000; ++i) {
        Instant next = sluice::now();
        ASSERT_GE(next, last);
        last = next;
      }
    });
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace sluice::internal
