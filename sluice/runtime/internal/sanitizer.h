// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>

// Tells AddressSanitizer and ThreadSanitizer about stack switches
// (sanitizer/common_interface_defs.h, sanitizer/tsan_interface.h). Empty in ordinary builds.

#if defined(__SANITIZE_ADDRESS__)
#define SLUICE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SLUICE_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define SLUICE_TSAN 1
#endif
#endif

#ifdef SLUICE_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
#endif
#ifdef SLUICE_TSAN
#include <sanitizer/tsan_interface.h>
#endif

namespace sluice::runtime::sanitizer {

#if defined(SLUICE_ASAN)
inline constexpr bool address = true;
#else
inline constexpr bool address = false;
#endif
#if defined(SLUICE_TSAN)
inline constexpr bool thread = true;
#else
inline constexpr bool thread = false;
#endif

// Before a switch. `state` is the leaving context's slot (null when it will never run again),
// `bottom` and `bytes` the stack that is switched to, `fiber` its TSan fiber.
// Inlined, as its caller must be, into the function that switches: TSan keeps a call stack per
// fiber, so a function that is entered on one fiber must not be left on another.
[[gnu::always_inline]] inline void start_switch([[maybe_unused]] void** state,
                                                [[maybe_unused]] const void* bottom,
                                                [[maybe_unused]] size_t bytes,
                                                [[maybe_unused]] void* fiber) {
#ifdef SLUICE_ASAN
  __sanitizer_start_switch_fiber(state, bottom, bytes);
#endif
#ifdef SLUICE_TSAN
  __tsan_switch_to_fiber(fiber, 0);
#endif
}

// First thing after a switch; `state` is what start_switch stored for this context, null at first.
inline void finish_switch([[maybe_unused]] void* state) {
#ifdef SLUICE_ASAN
  __sanitizer_finish_switch_fiber(state, nullptr, nullptr);
#endif
}

inline void* new_fiber() {
#ifdef SLUICE_TSAN
  return __tsan_create_fiber(0);
#else
  return nullptr;
#endif
}
inline void* this_fiber() {
#ifdef SLUICE_TSAN
  return __tsan_get_current_fiber();
#else
  return nullptr;
#endif
}
inline void destroy_fiber([[maybe_unused]] void* fiber) {
#ifdef SLUICE_TSAN
  if (fiber != nullptr) __tsan_destroy_fiber(fiber);
#endif
}

// A stack that is used again: forget the red zones of the frames that were abandoned on it.
inline void fresh_stack([[maybe_unused]] const void* bottom, [[maybe_unused]] size_t bytes) {
#ifdef SLUICE_ASAN
  __asan_unpoison_memory_region(bottom, bytes);
#endif
}

// Memory that LeakSanitizer must search for pointers: stacks and records that malloc did not give.
inline void root_region([[maybe_unused]] const void* begin, [[maybe_unused]] size_t bytes) {
#ifdef SLUICE_ASAN
  __lsan_register_root_region(begin, bytes);
#endif
}

}  // namespace sluice::runtime::sanitizer
