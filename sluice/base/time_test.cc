// SPDX-License-Identifier: Apache-2.0

#include "sluice/base/time.h"

#include <time.h>

#include <chrono>

#include <gtest/gtest.h>

#include "sluice/base/defer.h"

namespace sluice {
namespace {

using namespace std::chrono_literals;

constexpr internal::ClockSource frozen = {
    .now = [] { return Instant(42s); },
    .wall = [] { return std::chrono::system_clock::time_point(1000h); },
};

Instant kernel_monotonic() {
  timespec time;
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return Instant(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
}

TEST(Time, NowIsTheKernelsMonotonicClock) {
  const Instant before = kernel_monotonic();
  const Instant ours = now();
  const Instant after = kernel_monotonic();
  EXPECT_LE(before, ours);
  EXPECT_LE(ours, after);
}

TEST(Time, NowNeverGoesBack) {
  Instant last = now();
  for (int i = 0; i < 100'000; ++i) {
    const Instant next = now();
    ASSERT_LE(last, next);
    last = next;
  }
}

TEST(Time, WallIsTheSystemClock) {
  const auto before = std::chrono::system_clock::now();
  const auto ours = wall();
  const auto after = std::chrono::system_clock::now();
  EXPECT_LE(before, ours);
  EXPECT_LE(ours, after);
}

TEST(Time, SourceReplacesBothClocks) {
  Defer restore{[] { internal::set_clock_source(nullptr); }};
  internal::set_clock_source(&frozen);
  EXPECT_EQ(now(), Instant(42s));
  EXPECT_EQ(SteadyClock::now(), Instant(42s));
  EXPECT_EQ(wall(), std::chrono::system_clock::time_point(1000h));
}

TEST(Time, NullSourceGivesTheSystemsClocksBack) {
  internal::set_clock_source(&frozen);
  internal::set_clock_source(nullptr);
  EXPECT_GE(now(), kernel_monotonic() - 1h);
  EXPECT_GT(wall(), std::chrono::system_clock::time_point(1000h));
}

TEST(Time, SteadyClockIsAClockOfTheStandards) {
  static_assert(std::chrono::is_clock_v<SteadyClock>);
  static_assert(std::is_same_v<SteadyClock::time_point, Instant>);
}

}  // namespace
}  // namespace sluice
