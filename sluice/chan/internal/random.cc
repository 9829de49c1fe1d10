// SPDX-License-Identifier: Apache-2.0

#include "sluice/chan/internal/random.h"

#include "sluice/base/time.h"

namespace sluice::internal {

[[gnu::noinline]] uint64_t random_bits() {
  static thread_local uint64_t state = 0;
  if (state == 0) [[unlikely]] {
    // The clock and the thread's own address make threads differ; the odd bit keeps it off zero.
    uint64_t seed = uint64_t(now().time_since_epoch().count());
    state = (seed ^ (reinterpret_cast<uintptr_t>(&state) * 0x9e3779b97f4a7c15)) | 1;
  }
  uint64_t x = state;
  x ^= x >> 12;
  x ^= x << 25;
  x ^= x >> 27;
  state = x;
  return x * 0x2545f4914f6cdd1d;
}

}  // namespace sluice::internal
