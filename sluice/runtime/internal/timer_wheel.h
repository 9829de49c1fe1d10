// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstdint>

#include "sluice/runtime/spin_lock.h"
#include "sluice/runtime/timer.h"

namespace sluice::runtime {

// A hierarchical timing wheel (Varghese and Lauck, SOSP '87, scheme 6), one per P.
//
// Seven levels of 64 slots; a slot of level 0 is 2^16 ns (66 µs), of level k it is 64^k times that,
// so level 6 reaches 9 years; what lies beyond waits in its last slot and is placed again.
// start and stop are O(1): list insertion, one bit. A timer is stored by its rounded-up tick, so it
// never fires early and, apart from scheduling, at most one level-0 slot late.
// Guard: lock_, held for a few dozen instructions; callbacks run without it.
class TimerWheel {
 public:
  static constexpr int tick_shift = 16;
  static constexpr int level_bits = 6;
  static constexpr int levels = 7;
  static constexpr uint64_t never = UINT64_MAX;

  TimerWheel() = default;
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  // Sets the wheel's time; before the first timer.
  void begin(uint64_t now_ns) { tick_ = now_ns >> tick_shift; }

  // Returns whether `timer` is now the earliest of this wheel. `when_ns` is an Instant's: < 2^63.
  bool add(Timer* timer, uint64_t when_ns);
  // True: `timer` was here. See Timer::stop.
  bool remove(Timer* timer);

  // A moment no later than the earliest timer's; `never` when there is none. No lock taken.
  uint64_t next_due() const { return next_due_.load(std::memory_order_relaxed); }

  // Runs the callbacks of all timers due at `now_ns`. Returns how many.
  int run_due(uint64_t now_ns);

  uint64_t count() const { return count_.load(std::memory_order_relaxed); }

 private:
  static constexpr uint32_t slot_count = 1u << level_bits;

  struct Expired {
    Timer::Callback callback;
    void* arg;
    uint64_t seq;
  };
  static constexpr int batch_max = 64;

  uint64_t place(Timer* timer);
  void unlink(Timer* timer);
  void cascade(int level, uint32_t slot);
  int collect(uint64_t until_tick, Expired* batch);
  uint64_t earliest_tick() const;

  SpinLock lock_;
  uint64_t tick_ = 0;  // all ticks before this one have been run
  std::atomic<uint64_t> next_due_{never};
  std::atomic<uint64_t> count_{0};
  uint64_t occupied_[levels] = {};          // a bit per non-empty slot
  Timer* slots_[levels * slot_count] = {};  // level by level
};

}  // namespace sluice::runtime
