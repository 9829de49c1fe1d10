// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "sluice/context/context.h"
#include "sluice/runtime/park.h"
#include "sluice/runtime/poll.h"
#include "sluice/runtime/spin_lock.h"

namespace sluice::net::internal {

// While it lives, the end of `context` interrupts the waits on `poll`. Its destructor waits until a
// started interruption is over, so that none hits a later wait, and clears it.
class InterruptOnEnd {
 public:
  InterruptOnEnd(const Context& context, runtime::PollDesc& poll);
  ~InterruptOnEnd();
  InterruptOnEnd(const InterruptOnEnd&) = delete;
  InterruptOnEnd& operator=(const InterruptOnEnd&) = delete;

 private:
  void interrupt();

  runtime::PollDesc& poll_;
  runtime::SpinLock lock_;
  bool interrupted_ = false;      // guarded by lock_
  runtime::G* waiter_ = nullptr;  // guarded by lock_: the destructor, once it waits
  StopFunc stop_;
};

}  // namespace sluice::net::internal
