// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace sluice::heap {

// What one stack has allocated with `new`, and what of it is not freed yet.
struct StackAllocations {
  int64_t alloc_objects = 0;
  int64_t alloc_bytes = 0;
  int64_t inuse_objects = 0;
  int64_t inuse_bytes = 0;
  size_t frames_begin = 0;  // its part of HeapProfile::addresses
  size_t frames_count = 0;
};

// Allocations by stack, since the program began. From samples: each figure is an estimate that is
// right on average; one of n samples is off by its n-th root (100 samples: 10 %).
struct HeapProfile {
  std::vector<StackAllocations> stacks;  // the most bytes in use first
  std::vector<uintptr_t> addresses;
  uint64_t sample_rate = 0;  // of set_sample_rate()

  // Return addresses, innermost first: operator new's caller, below frames of the hook. Empty: all
  // the stacks for which there was no room (there is for some 100,000).
  std::span<const uintptr_t> frames(const StackAllocations& stack) const {
    return std::span(addresses).subspan(stack.frames_begin, stack.frames_count);
  }
};

// Stops nobody: allocations that happen meanwhile are in it or not. Any thread, any goroutine.
HeapProfile capture_heap_profile();

// What `later` has more than `earlier`; with less in use, negative numbers.
HeapProfile difference(const HeapProfile& later, const HeapProfile& earlier);

// One byte in so many is sampled, on average; as in Go, half a megabyte. 1: every allocation is,
// and the figures are exact. 0: none. The calling thread goes over to it at once, another one
// after its next sample (of one that sampled nothing: after 16 MB); what was sampled before stays
// right. It begins with SLUICE_MEMPROFILERATE, else the default (under AddressSanitizer and
// ThreadSanitizer 0); a value that is no number ends the program, saying so.
inline constexpr uint64_t sample_rate_default = uint64_t{512} << 10;
void set_sample_rate(uint64_t bytes);

// Whether allocations are seen at all. False: the program, or its allocator, brings an operator new
// of its own.
bool is_profiled();

}  // namespace sluice::heap
