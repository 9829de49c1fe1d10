// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

extern "C" {
// Saves the running context's stack pointer at *save_sp, goes on in the context behind load_sp.
void sluice_switch(void** save_sp, void* load_sp);
void sluice_goroutine_start();
}

namespace sluice::runtime {

// What sluice_switch pops: the layout of a parked context, for first starts and for unwinders.
#if defined(__x86_64__)
struct SavedContext {
  uint64_t r15, r14, r13, r12, rbx;
  uint64_t frame_pointer;
  uint64_t return_address;
};
inline constexpr size_t start_frame_bytes = 56 + 16;  // leaves sp 16-aligned before the first call
#elif defined(__aarch64__)
struct SavedContext {
  uint64_t d[8];
  uint64_t x19_x28[10];
  uint64_t frame_pointer;
  uint64_t return_address;
};
inline constexpr size_t start_frame_bytes = sizeof(SavedContext);
#else
#error "sluice has a context switch for x86-64 and aarch64"
#endif

// Where a new context begins: after the first instruction of sluice_goroutine_start, whose 4 bytes
// do nothing. Unwinders take it for a return address, of which they look up the instruction before.
inline uintptr_t goroutine_entry() {
  return reinterpret_cast<uintptr_t>(&sluice_goroutine_start) + 4;
}

// Lays out a context below `top` (16-aligned) that starts at goroutine_entry(). Returns its sp.
inline void* prepare_start(void* top) {
  char* sp = static_cast<char*>(top) - start_frame_bytes;
  uint64_t start = goroutine_entry();
  std::memset(sp, 0, sizeof(SavedContext));
  std::memcpy(sp + offsetof(SavedContext, return_address), &start, sizeof start);
  return sp;
}

}  // namespace sluice::runtime
