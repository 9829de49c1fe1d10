// SPDX-License-Identifier: Apache-2.0

#pragma once

namespace sluice::runtime {

// The index range of pin(): [0, pin_slots()). Fixed while a Runtime exists.
int pin_slots();

// Makes the caller the only user of slot `index` until unpin(): its processor cannot be taken away.
// A thread that is no goroutine, or has no processor, shares slots behind a lock.
// Between pin and unpin: no park, no system call that blocks, no pin, nothing long.
int pin();
void unpin();

}  // namespace sluice::runtime
