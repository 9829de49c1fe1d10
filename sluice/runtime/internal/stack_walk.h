// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "sluice/runtime/internal/stack_pool.h"

namespace sluice::runtime {

// What a walk found: the return addresses from the innermost frame outwards.
struct Walk {
  size_t count = 0;
  // The last frame is the goroutine's root. Otherwise there was no more room, or the chain of frame
  // pointers leads nowhere.
  bool complete = false;
};

// Whether that return address is of the call that every goroutine's stack begins with.
bool is_root(uintptr_t address);

// Follows the chain of frame pointers from `frame` on. Reads aligned words inside `bounds` only and
// goes strictly upwards, so it ends and cannot fault, whatever is written there meanwhile.
// Async-signal-safe.
Walk walk_frames(uintptr_t frame, StackBounds bounds, std::span<uintptr_t> out);

// The same for a context that sluice_switch saved at `sp`; of one that has not started, nothing.
Walk walk_saved(uintptr_t sp, StackBounds bounds, std::span<uintptr_t> out);

}  // namespace sluice::runtime
