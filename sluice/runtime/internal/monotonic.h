// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <time.h>

#include <cstdint>

namespace sluice::runtime {

// Not now(): a simulation's time does not pass by waiting.
inline uint64_t monotonic_ns() {
  timespec time;
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

}  // namespace sluice::runtime
