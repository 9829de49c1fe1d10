// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>

namespace sluice::sync::internal {

// A Mutex's state as a value: three flags and the number of goroutines in the slow path's queue.
//
//   locked    somebody owns it (in starvation mode also while this is clear: see starving)
//   woken     a waiter is awake and competing, so unlock() need not wake another
//   starving  ownership goes straight to the first waiter; newcomers queue at the end
// Transitions are methods that return the next value; the Mutex does them by compare-and-swap, but
// for unlock() and the new owner's settling, which are additions because they own the lock.
class MutexWord {
 public:
  constexpr explicit MutexWord(uint32_t raw) : raw_(raw) {}
  constexpr uint32_t raw() const { return raw_; }

  constexpr bool locked() const { return raw_ & locked_bit; }
  constexpr bool woken() const { return raw_ & woken_bit; }
  constexpr bool starving() const { return raw_ & starving_bit; }
  constexpr uint32_t waiters() const { return raw_ / one_waiter; }
  // A newcomer may not take it.
  constexpr bool taken() const { return raw_ & (locked_bit | starving_bit); }

  constexpr MutexWord with_lock() const { return MutexWord(raw_ | locked_bit); }
  constexpr MutexWord with_woken() const { return MutexWord(raw_ | woken_bit); }
  constexpr MutexWord without_woken() const { return MutexWord(raw_ & ~woken_bit); }
  constexpr MutexWord with_starving() const { return MutexWord(raw_ | starving_bit); }
  constexpr MutexWord with_waiter() const { return MutexWord(raw_ + one_waiter); }
  // unlock() in normal mode takes the right to wake one waiter.
  constexpr MutexWord waking_one() const { return MutexWord((raw_ - one_waiter) | woken_bit); }

  // What the waiter adds who was handed the lock: it is locked, and he waits no longer.
  static constexpr uint32_t handed_over(bool and_leave_starvation) {
    return locked_bit - one_waiter - (and_leave_starvation ? starving_bit : 0);
  }

  static constexpr uint32_t locked_bit = 1;

 private:
  static constexpr uint32_t woken_bit = 2;
  static constexpr uint32_t starving_bit = 4;
  static constexpr uint32_t one_waiter = 8;

  uint32_t raw_;
};

}  // namespace sluice::sync::internal
