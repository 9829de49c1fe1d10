// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstdint>

#include "sluice/runtime/internal/scheduler.h"

// Marks a function that reads what others write meanwhile by plain stores: words of a stack, fields
// of a record. What it reads may be of no moment at all; its caller finds out afterwards and throws
// it away (still.h). It reads aligned words, through volatile, that stay mapped; no machine that
// sluice runs on tears them. The sanitizers would be right to report it, so they do not look.
#if defined(__clang__)
#define SLUICE_RACY_READS __attribute__((disable_sanitizer_instrumentation, noinline))
#else
#define SLUICE_RACY_READS __attribute__((no_sanitize("address", "thread", "undefined"), noinline))
#endif

namespace sluice::runtime {

template <class T>
const volatile T& racy(const T& field) {
  return field;
}
// The same for who reads one field only.
template <class T>
SLUICE_RACY_READS T peek(const T& field) {
  return racy(field);
}

// Between reads of an observer that must not change places, nor a store that it saw with an earlier
// one of the same thread. x86 keeps the order of loads and of stores. Elsewhere the membarrier
// makes every other thread do so, as in region.h: the observer pays, and the observed do not.
inline void observer_fence() {
#if defined(__x86_64__)
  std::atomic_thread_fence(std::memory_order_acq_rel);
#else
  heavy_fence();
#endif
}

}  // namespace sluice::runtime
