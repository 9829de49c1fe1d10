// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "sluice/context/context.h"
#include "sluice/runtime/park.h"
#include "sluice/runtime/spin_lock.h"

namespace sluice::net::internal {

// The waits that a context's end is to interrupt.
class Waits {
 public:
  virtual void interrupt() = 0;
  virtual void clear_interrupt() = 0;

 protected:
  ~Waits() = default;
};

// While it lives, the end of `context` interrupts `waits`. Its destructor waits until a started
// interruption is over, so that none hits a later wait, and clears it.
class InterruptOnEnd {
 public:
  InterruptOnEnd(const Context& context, Waits& waits);
  ~InterruptOnEnd();
  InterruptOnEnd(const InterruptOnEnd&) = delete;
  InterruptOnEnd& operator=(const InterruptOnEnd&) = delete;

 private:
  void interrupt();

  Waits& waits_;
  runtime::SpinLock lock_;
  bool interrupted_ = false;      // guarded by lock_
  runtime::G* waiter_ = nullptr;  // guarded by lock_: the destructor, once it waits
  StopFunc stop_;
};

}  // namespace sluice::net::internal
