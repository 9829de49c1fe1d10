// SPDX-License-Identifier: Apache-2.0

#include "sluice/base/internal/alloc_count.h"

#include <cstddef>
#include <cstdlib>
#include <new>

namespace {

constinit thread_local uint64_t count = 0;

}  // namespace

namespace sluice::internal {

uint64_t alloc_count() { return count; }

}  // namespace sluice::internal

#if defined(__has_feature)
#define SLUICE_HAS_FEATURE(feature) __has_feature(feature)
#else
#define SLUICE_HAS_FEATURE(feature) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
    SLUICE_HAS_FEATURE(address_sanitizer) || SLUICE_HAS_FEATURE(thread_sanitizer)

// The sanitizers bring their own operators, and call this after each allocation.
extern "C" [[gnu::no_sanitize_thread]] void __sanitizer_malloc_hook(const volatile void*, size_t) {
  ++count;
}

#else

namespace {

void* allocate(size_t size, size_t alignment) {
  ++count;
  const size_t rounded = (size + alignment - 1) / alignment * alignment;
  void* memory = std::aligned_alloc(alignment, rounded == 0 ? alignment : rounded);
  if (memory == nullptr) std::abort();
  return memory;
}

}  // namespace

void* operator new(size_t size) { return allocate(size, alignof(std::max_align_t)); }
void* operator new(size_t size, std::align_val_t alignment) {
  return allocate(size, static_cast<size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }

#endif
