// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>

namespace sluice::internal {

// 64 random bits, cheap and not secret, from a generator per thread (xorshift64*, Vigna 2016).
// Out of line, so that no caller can keep the thread's address across a park.
uint64_t random_bits();

// An even pick from [0, bound) by 32 random bits (Lemire's multiplication, bias below bound /
// 2^32).
inline uint32_t pick_below(uint32_t bound, uint32_t bits) {
  return uint32_t((uint64_t{bits} * bound) >> 32);
}

}  // namespace sluice::internal
