// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <unordered_set>
#include <vector>

#include "sluice/runtime/internal/interrupt.h"

namespace sluice::runtime {

// Finds goroutines that are on threads, by asking the threads. A thread that is blocked in the
// kernel is read as it stands there, without a signal; one that executes is interrupted. One
// caller at a time.
class OnThread {
 public:
  // Samples of those of `wanted` that are on a thread now, as far as the threads can tell. With
  // `partial` also those whose stack could not be followed to its root.
  struct Found {
    G* g;
    bool blocked;  // in the kernel
    Sample sample;
  };
  std::vector<Found> look(const std::unordered_set<G*>& wanted, bool partial);

 private:
  bool read_blocked(M* m, G* g, bool partial, std::vector<Found>* found);

  Interrupter interrupter_;
  RawStack raw_;
};

}  // namespace sluice::runtime
