// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "sluice/runtime/park.h"

namespace sluice::runtime {

// park/ready without an atomic operation of their own, for primitives that count nanoseconds.
//
// While a Section lives, the goroutine keeps its processor: nothing can come between publishing the
// goroutine and parking it, so no permit is needed. The protocol:
//     Section section;
//     lock.lock();  ... publish section.g() ...  lock.unlock();
//     section.park(reason);
// and the waker, who found g under the lock, calls ready_sectioned(g) (not ready(g)).
// Inside a Section: no user code, no allocation of size, no system call that blocks, no other
// Section, no park(). On a thread that is no goroutine it works too, through a futex.
class Section {
 public:
  Section();
  ~Section();
  Section(const Section&) = delete;
  Section& operator=(const Section&) = delete;

  G* g() const { return g_; }
  // Waits for the one ready_sectioned(g()). The thread may be another one afterwards.
  void park(WaitReason reason);

 private:
  G* g_;
  bool goroutine_;
};

// Wakes a goroutine that parks by Section::park. Never blocks; any thread, inside a Section or not.
void ready_sectioned(G* g);

}  // namespace sluice::runtime
