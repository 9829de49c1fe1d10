// SPDX-License-Identifier: Apache-2.0

// Counts every allocation of a program that is linked with it. Counting costs time: the program
// that is timed is linked without.

#include <atomic>
#include <cstdint>
#include <cstdlib>

#include "bench/micro/harness.h"

namespace {
std::atomic<int64_t> count{0};
void* counted(void* memory) {
  count.fetch_add(1, std::memory_order_relaxed);
  return memory;
}
}  // namespace

// glibc's own names of what is replaced here; operator new comes through malloc.
extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t n, size_t size);
void* __libc_realloc(void* at, size_t size);
void* __libc_memalign(size_t alignment, size_t size);

void* malloc(size_t size) { return counted(__libc_malloc(size)); }
void* calloc(size_t n, size_t size) { return counted(__libc_calloc(n, size)); }
void* realloc(void* at, size_t size) { return counted(__libc_realloc(at, size)); }
void* aligned_alloc(size_t alignment, size_t size) {
  return counted(__libc_memalign(alignment, size));
}
}

namespace bench {
int64_t allocations() { return count.load(std::memory_order_relaxed); }
}  // namespace bench
