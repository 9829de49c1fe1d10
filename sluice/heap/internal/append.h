// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <span>

#include "sluice/heap/profile.h"

namespace sluice::heap {

// Adds `stack`, whose frames are these.
inline void append(HeapProfile& profile, StackAllocations stack,
                   std::span<const uintptr_t> frames) {
  stack.frames_begin = profile.addresses.size();
  stack.frames_count = frames.size();
  profile.addresses.insert(profile.addresses.end(), frames.begin(), frames.end());
  profile.stacks.push_back(stack);
}

}  // namespace sluice::heap
