// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "sluice/heap/internal/sampling.h"
#include "sluice/heap/internal/stack_table.h"

namespace sluice::heap {

// The part of the hook that every allocation goes through.
//
// ## At rest
// A thread counts down the bytes to its next sample. An allocation subtracts its size and goes on
// if the result is not below a limit: 0, or, while somebody wants to see every allocation (scopes,
// see alloc_scope.h), more than any result. A sampled allocation is put at an address that is a
// multiple of 4096: so a free looks at its pointer's low bits, and only 1 in 256 of the others,
// which are there by chance, is searched for in the table of what is sampled. The address is one
// that malloc gave: any free() may take it, one that this hook never sees included, and the
// allocator below may be any.
//
// ## Rules inside the hook
// It runs inside of any `new`, before main, in destructors of statics, on goroutines, in the child
// of a fork. It neither parks nor locks nor calls `new`; it touches the thread's state only between
// entry and return, during which nothing switches. It is entered from C++ code only, never from
// within libc, where locks may be held that a walk needs.

struct ThreadState {
  int64_t left = 0;   // bytes to the next sample; 0 at first: the first allocation begins a gap
  uint64_t rate = 0;  // by which that gap was drawn; 0: nothing is sampled, or none was drawn yet
  Random random;      // 0: not seeded
  bool inside = false;
};
extern constinit thread_local ThreadState thread_state __attribute__((tls_model("initial-exec")));

// While it lives, the hook does not see this thread's allocations: those of an observer. Nothing
// may wait meanwhile.
class Unseen {
 public:
  Unseen() : before_(std::exchange(thread_state.inside, true)) {}
  ~Unseen() { thread_state.inside = before_; }
  Unseen(const Unseen&) = delete;
  Unseen& operator=(const Unseen&) = delete;

 private:
  const bool before_;
};

// What `left` must not fall below.
extern std::atomic<int64_t> left_min;

constexpr uintptr_t sample_align = 4096;

// Whether the allocation goes on at once.
[[gnu::always_inline]] inline bool passes(size_t size) {
  // Unsigned: a size that malloc will refuse may be any.
  int64_t left = static_cast<int64_t>(static_cast<uint64_t>(thread_state.left) - size);
  thread_state.left = left;
  return left >= left_min.load(std::memory_order_relaxed);
}
[[gnu::always_inline]] inline bool may_be_sampled(const void* memory) {
  return reinterpret_cast<uintptr_t>(memory) % sample_align == 0;
}

// malloc, or with `align` aligned_alloc, after passes() said no, or malloc had nothing: in either
// case the size is taken off. Null: no memory.
void* allocate_noted(size_t size, size_t align) noexcept;
// Before memory that may be sampled is freed.
void note_free(void* memory) noexcept;

// After passes() said no, for allocators that tell afterwards, as the sanitizers do.
void note_allocation(const void* memory, size_t size) noexcept;

// The sampled profile, in Weight's units. Never destroyed.
extern StackTable sampled_stacks;
// Bytes, see set_sample_rate().
extern std::atomic<uint64_t> sample_rate;
// Makes the calling thread draw its next sample by the present rate.
void restart_gap();
// Whether an allocation has come here: the operators are linked, and nobody replaced them.
bool is_hooked();
// Does nothing, in the file of the operators: who calls it is linked with them.
void link_operators();

}  // namespace sluice::heap
