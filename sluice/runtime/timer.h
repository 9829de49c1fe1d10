// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstdint>

#include "sluice/base/assert.h"
#include "sluice/base/time.h"

namespace sluice::runtime {

class TimerWheel;

// A one-shot timer that lives inside its user's own object.
//
// Almost every timeout is cancelled, so start() and stop() are O(1) and allocate nothing; firing is
// never early and at most a slot of the wheel late (see internal/timer_wheel.h).
// The callback runs on a scheduler thread: it must be short and must not park. It may call ready()
// and go(), and take SpinLocks. `arg` and `seq` are copied out before it runs, so the Timer's
// memory may be gone by then; an owner that stop() told "false" must expect the callback to be
// running still. Thread-safety: start and stop of one Timer must not overlap each other; either may
// overlap firing.
class Timer {
 public:
  using Callback = void (*)(void* arg, uint64_t seq);

  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer() {
    SLUICE_ASSERT(wheel_.load(std::memory_order_relaxed) == nullptr, "an armed timer is destroyed");
  }

  // Arms a timer that is not armed. A moment in the past fires at once, on the scheduler.
  void start(Instant when, Callback callback, void* arg, uint64_t seq);

  // True: it was armed and will not fire. False: it fired, is firing, or never was started.
  bool stop();

 private:
  friend class TimerWheel;

  Timer* next_ = nullptr;  // the wheel's slot list, guarded by the wheel's lock
  Timer** link_ = nullptr;
  uint64_t when_ = 0;  // ns on now()'s clock
  Callback callback_ = nullptr;
  void* arg_ = nullptr;
  uint64_t seq_ = 0;
  std::atomic<TimerWheel*> wheel_{nullptr};  // the one that holds it
  uint16_t slot_ = 0;
};

}  // namespace sluice::runtime
