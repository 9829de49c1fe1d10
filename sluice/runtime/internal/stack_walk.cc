// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/stack_walk.h"

#include "sluice/runtime/internal/racy.h"
#include "sluice/runtime/internal/switch.h"

namespace sluice::runtime {

namespace {

// A frame record, x86-64's and aarch64's alike: the caller's frame pointer, the return address.
constexpr size_t record_bytes = 2 * sizeof(uintptr_t);

// sluice_goroutine_start calls one function; the return address of that call ends every stack.
constexpr uintptr_t start_bytes = 32;

SLUICE_RACY_READS uintptr_t word_at(uintptr_t address) {
  return *reinterpret_cast<const volatile uintptr_t*>(address);
}

}  // namespace

bool is_root(uintptr_t address) {
  return address - reinterpret_cast<uintptr_t>(&sluice_goroutine_start) < start_bytes;
}

Walk walk_frames(uintptr_t frame, StackBounds bounds, std::span<uintptr_t> out) {
  Walk walk;
  while (frame % sizeof(uintptr_t) == 0 && bounds.hold(frame, record_bytes)) {
    uintptr_t next = word_at(frame);
    uintptr_t address = word_at(frame + sizeof(uintptr_t));
    if (address == 0) break;
    if (is_root(address)) {
      walk.complete = true;
      break;
    }
    if (walk.count == out.size()) break;
    out[walk.count++] = address;
    if (next <= frame) break;
    frame = next;
  }
  return walk;
}

Walk walk_saved(uintptr_t sp, StackBounds bounds, std::span<uintptr_t> out) {
  Walk walk;
  if (out.empty() || sp % sizeof(uintptr_t) != 0 || !bounds.hold(sp, sizeof(SavedContext)))
    return walk;
  uintptr_t address = word_at(sp + offsetof(SavedContext, return_address));
  if (address == goroutine_entry()) {
    walk.complete = true;
    return walk;
  }
  out[0] = address;
  walk = walk_frames(word_at(sp + offsetof(SavedContext, frame_pointer)), bounds, out.subspan(1));
  ++walk.count;
  return walk;
}

}  // namespace sluice::runtime
