// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/wait_sampler.h"

#include <algorithm>

namespace sluice::runtime {

namespace {

// Of a burst that begins the first few are drawn in a row; the last of them foresees the rest.
constexpr uint64_t growth_max = 8;

// In [interval - interval / 4, interval + interval / 4], by the clock's lowest digits (the
// multiplier is the golden ratio's, as in Fibonacci hashing).
uint32_t vary(uint32_t interval, uint64_t now_ns) {
  uint64_t random = now_ns * 0x9E3779B97F4A7C15 >> 32;
  uint32_t quarter = interval / 4;
  return interval - quarter + static_cast<uint32_t>(random % (2 * quarter + 1));
}

}  // namespace

uint32_t WaitSampler::draw(uint64_t now_ns) {
  uint32_t weight = weight_;
  uint64_t passed = std::max<uint64_t>(now_ns - drawn_at_, 1);
  drawn_at_ = now_ns;
  uint64_t wanted = uint64_t{weight} * spacing_ns / passed;
  uint64_t interval =
      std::clamp<uint64_t>(wanted, 1, std::min<uint64_t>(weight * growth_max, interval_max));
  left_ = weight_ = vary(static_cast<uint32_t>(interval), now_ns);
  return weight;
}

}  // namespace sluice::runtime
