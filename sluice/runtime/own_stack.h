// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace sluice::runtime {

// Writes the return addresses of the calling stack to `out`, that of this call first, and returns
// how many; of a goroutine up to its root, of a thread up to its first function. Code of the
// program is followed by frame pointers (-fno-omit-frame-pointer), 2 ns a frame; that of libraries,
// which are built without, by the compiler's tables, some 150 ns.
// On a stack of neither a goroutine nor a thread, such as an alternate signal stack, it is the
// first address only. Reads within the stack's bounds only. Never parks. Allocates with malloc at
// most, and only at a thread's first call; not async-signal-safe.
size_t capture_own_stack(std::span<uintptr_t> out);

// Who calls: a goroutine, or a thread that runs none. No two that live at once have the same.
const void* own_context();

}  // namespace sluice::runtime
