// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string_view>

#include "sluice/base/time.h"
#include "sluice/debug/symbols.h"
#include "sluice/runtime/cpu_samples.h"
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

// For tests: uses CPU time, in a function that profiles show, until threads were seen so often.
[[gnu::noinline]] inline void burn_in_profile(uint64_t samples) {
  while (runtime::cpu_samples_so_far() < samples) {
    for (int i = 0; i < 10'000; ++i) asm volatile("");
    static_cast<void>(now());  // in which ThreadSanitizer has signals delivered
  }
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
