// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice::heap {

// Which allocations are sampled, and for how many each of them stands.
//
// As in Go (runtime/malloc.go, profilealloc; runtime/mprof.go) and tcmalloc, every byte is equally
// likely to be hit, one in `rate` on average: the gaps between hits are exponential. An allocation
// of `size` is sampled if one of its bytes is, with the probability p = 1 - exp(-size / rate), and
// counts for 1 / p allocations (Go's scaleHeapSample, applied to each sample rather than to the
// mean size of a stack's): so the sums are unbiased, whatever the sizes.

// A generator of a thread's own: xorshift64*. Never 0.
struct Random {
  uint64_t state = 0;

  uint64_t next() {
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * 0x2545f4914f6cdd1d;
  }
};

// Bytes up to the next hit. 0 if each byte is one (rate 1).
int64_t draw_gap(Random& random, uint64_t rate);

// Numbers of objects are kept in 256ths, so that weights are whole and what is added can be taken
// off again exactly.
struct Weight {
  static constexpr uint64_t one_object = 256;

  uint64_t objects = 0;  // in units of 1 / one_object
  uint64_t bytes = 0;
};
Weight weight_of(size_t size, uint64_t rate);

}  // namespace sluice::heap
