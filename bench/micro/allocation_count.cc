// SPDX-License-Identifier: Apache-2.0

// Counts every allocation of a program that is linked with it. Counting costs time: the program
// that is timed is linked without.

#include "bench/micro/harness.h"
#include "sluice/heap/alloc_scope.h"

namespace bench {

int64_t allocations() {
  static sluice::heap::AllocScope scope{sluice::heap::AllocScope::Of::process};
  return static_cast<int64_t>(scope.objects());
}

}  // namespace bench
