// SPDX-License-Identifier: Apache-2.0

#pragma once

// Nearly every file of a program sees this header. libstdc++ keeps durations, clocks and literals
// apart from calendars and formatting, which would cost each of those files 0.2 s.
#if __has_include(<bits/chrono.h>)
#include <bits/chrono.h>
#else
#include <chrono>
#endif

namespace sluice {

// Spans of time are whole nanoseconds; `using namespace std::chrono_literals` gives 30s, 5ms.
using Duration = std::chrono::nanoseconds;

// A clock that never goes back: CLOCK_MONOTONIC, which counts from the boot.
struct SteadyClock {
  using rep = Duration::rep;
  using period = Duration::period;
  using duration = Duration;
  using time_point = std::chrono::time_point<SteadyClock, Duration>;
  static constexpr bool is_steady = true;
  static time_point now() noexcept;
};

// A moment to wait for or to measure from. It means nothing in another process or after a boot.
using Instant = SteadyClock::time_point;

// The present moment, through the vDSO: no system call (about 20 ns).
Instant now() noexcept;

// The calendar's time, for people, logs and other machines: it jumps when somebody sets it.
std::chrono::system_clock::time_point wall() noexcept;

inline SteadyClock::time_point SteadyClock::now() noexcept { return sluice::now(); }

namespace internal {

// Where a simulation takes its time from.
struct ClockSource {
  Instant (*now)();
  std::chrono::system_clock::time_point (*wall)();
};

// Makes now() and wall() ask `source`, which must outlive its use; null gives the system's clocks
// back. Moments of different sources do not compare: switch while nothing waits.
void set_clock_source(const ClockSource* source);

}  // namespace internal
}  // namespace sluice
