// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "sluice/runtime/internal/m.h"

namespace sluice::runtime {

// The index range of pin(): [0, pin_slots()). Fixed while a Runtime exists.
int pin_slots();

// Makes the caller the only user of slot `index` until unpin(): its processor cannot be taken away.
// A thread that is no goroutine, or has no processor, shares slots behind a lock.
// Between pin and unpin: no park, no system call that blocks, no pin, nothing long.
inline int pin();
inline void unpin();

// Calls `visit(context)` as the only user of slot `index`, as if it were pinned there: for who
// empties what others keep in their slots. False: its user cannot be kept out just now, or there is
// no such slot. It interrupts the slot's CPU, so it is nothing to do often.
// For threads that are no goroutines, while the Runtime exists and cannot end: a MemoryListener.
bool visit_slot(int index, void (*visit)(void* context), void* context);

namespace internal {
int pin_foreign();
void unpin_foreign();
}  // namespace internal

inline int pin() {
  M* m = current_m();
  if (m != nullptr && m->g != nullptr) [[likely]]
    return region_enter()->p_index + 1;  // 0 is the threads': theirs at any number of processors
  return internal::pin_foreign();
}

inline void unpin() {
  M* m = current_m();
  if (m != nullptr && m->g != nullptr) [[likely]]
    return region_leave(m);
  internal::unpin_foreign();
}

}  // namespace sluice::runtime
