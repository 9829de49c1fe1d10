// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <time.h>

#include <string_view>

#include "sluice/base/time.h"
#include "sluice/debug/symbols.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/goroutines.h"

namespace sluice::debug::internal {

// ThreadSanitizer delivers signals late: samples of the CPU are then of no known stack.
#if defined(__SANITIZE_THREAD__)
inline constexpr bool samples_are_exact = false;
#elif defined(__has_feature)
inline constexpr bool samples_are_exact = !__has_feature(thread_sanitizer);
#else
inline constexpr bool samples_are_exact = true;
#endif

inline Duration cpu_of_this_thread() {
  timespec used;
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

// For tests: uses so much CPU time, however long that takes, in a function that profiles show.
[[gnu::noinline]] inline void burn_in_profile(Duration cpu) {
  Duration end = cpu_of_this_thread() + cpu;
  while (cpu_of_this_thread() < end)
    for (int i = 0; i < 10'000; ++i) asm volatile("");
  asm volatile("");
}

// For tests: whether a goroutine is in a function of that name.
inline bool somebody_is_in(std::string_view function) {
  runtime::GoroutineDump dump = runtime::capture_goroutines();
  for (uintptr_t address : dump.addresses)
    for (const SourceFrame& frame : locate(address).frames)
      if (frame.function == function) return true;
  return false;
}

}  // namespace sluice::debug::internal
