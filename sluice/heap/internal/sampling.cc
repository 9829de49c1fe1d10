// SPDX-License-Identifier: Apache-2.0

#include "sluice/heap/internal/sampling.h"

#include <cmath>

namespace sluice::heap {

int64_t draw_gap(Random& random, uint64_t rate) {
  if (rate <= 1) return 0;
  // In (0, 1], and so the gap is at most 37 times the rate.
  double uniform = static_cast<double>((random.next() >> 11) + 1) * 0x1p-53;
  return static_cast<int64_t>(-std::log(uniform) * static_cast<double>(rate));
}

Weight weight_of(size_t size, uint64_t rate) {
  if (rate <= 1 || size == 0) return {Weight::one_object, size};
  double probability = -std::expm1(-static_cast<double>(size) / static_cast<double>(rate));
  return {static_cast<uint64_t>(std::llround(Weight::one_object / probability)),
          static_cast<uint64_t>(std::llround(static_cast<double>(size) / probability))};
}

}  // namespace sluice::heap
