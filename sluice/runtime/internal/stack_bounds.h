// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice::runtime {

// Addresses from `low` up to, not including, `high`.
struct StackBounds {
  uintptr_t low = 0;
  uintptr_t high = 0;

  // Whether `bytes` from `at` on lie inside.
  bool hold(uintptr_t at, size_t bytes) const {
    return at >= low && at < high && high - at >= bytes;
  }
};

}  // namespace sluice::runtime
