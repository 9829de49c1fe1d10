// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sluice/runtime/spin_lock.h"
#include "sluice/runtime/wait_profile.h"

namespace sluice::runtime {

// Times, summed up by the stack that they belong to. Of fixed size, and allocates nothing but in
// read(): a stack that no longer fits is counted among others(). Any thread, inside regions too.
class DelayTable {
 public:
  static constexpr size_t frames_max = 48;
  static constexpr size_t stacks_max = 1024;

  // Of a longer stack the innermost frames_max are kept.
  void add(std::span<const uintptr_t> stack, uint64_t count, uint64_t ns);

  DelayProfile read();

 private:
  static constexpr size_t slots = 2 * stacks_max;  // a power of two

  struct Entry {
    uint64_t hash = 0;
    uint64_t count = 0;  // 0: empty
    uint64_t ns = 0;
    size_t depth = 0;
    uintptr_t frames[frames_max] = {};
  };

  Entry* find(std::span<const uintptr_t> stack, uint64_t hash);

  RawSpinLock lock_;
  size_t used_ = 0;
  uint64_t others_ = 0;
  uint64_t others_ns_ = 0;
  Entry entries_[slots];
};

}  // namespace sluice::runtime
