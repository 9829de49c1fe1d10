// SPDX-License-Identifier: Apache-2.0

// The replaceable operators ([new.delete]), in front of malloc. They are weak: a program that
// defines its own keeps them, and those that it leaves out forward to its own as the standard says.
// Under a sanitizer, which has operators itself, the hook is called by it instead.

#include <cstdlib>
#include <new>

#include "sluice/heap/internal/hook.h"
#include "sluice/heap/internal/sanitized.h"

#ifdef SLUICE_HEAP_SANITIZED

// sanitizer/allocator_interface.h, which GCC does not install whole.
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void*,
                                                                           size_t),
                                                         void (*on_free)(const volatile void*));

namespace sluice::heap {
namespace {

void on_malloc(const volatile void* memory, size_t size) {
  if (!passes(size)) note_allocation(const_cast<const void*>(memory), size);
}
void on_free(const volatile void* memory) { note_free(const_cast<void*>(memory)); }

[[maybe_unused]] const int installed =
    __sanitizer_install_malloc_and_free_hooks(&on_malloc, &on_free);

}  // namespace

void link_operators() {}

}  // namespace sluice::heap

#else

namespace sluice::heap {

void link_operators() {}

namespace {

// The long way: by the hook, and by the new-handler where there is no memory. What `new` throws is
// not ours to choose.
[[gnu::noinline]] void* allocate_slowly(size_t size, size_t align) {
  if (void* memory = allocate_noted(size, align)) return memory;
  if (size == 0) size = 1;  // malloc(0) may be null by right, new(0) not
  for (;;) {
    passes(size);
    if (void* memory = allocate_noted(size, align)) return memory;
    std::new_handler handler = std::get_new_handler();
    if (handler == nullptr) throw std::bad_alloc();
    handler();
  }
}

[[gnu::always_inline]] inline void* allocate(size_t size) {
  if (!passes(size)) [[unlikely]]
    return allocate_slowly(size, 0);
  void* memory = std::malloc(size);
  if (memory == nullptr) [[unlikely]]
    return allocate_slowly(size, 0);  // which finds its size taken off in either case
  return memory;
}

void* allocate_aligned(size_t size, std::align_val_t align) {
  passes(size);
  return allocate_slowly(size, static_cast<size_t>(align));
}

[[gnu::noinline]] void free_slowly(void* memory) {
  note_free(memory);
  std::free(memory);
}

[[gnu::always_inline]] inline void deallocate(void* memory) {
  if (may_be_sampled(memory)) [[unlikely]]
    return free_slowly(memory);
  std::free(memory);
}

}  // namespace
}  // namespace sluice::heap

[[gnu::weak]] void* operator new(size_t size) { return sluice::heap::allocate(size); }
[[gnu::weak]] void* operator new[](size_t size) { return ::operator new(size); }
[[gnu::weak]] void* operator new(size_t size, std::align_val_t align) {
  return sluice::heap::allocate_aligned(size, align);
}
[[gnu::weak]] void* operator new[](size_t size, std::align_val_t align) {
  return ::operator new(size, align);
}
[[gnu::weak]] void* operator new(size_t size, const std::nothrow_t&) noexcept {
  try {
    return ::operator new(size);
  } catch (...) {
    return nullptr;
  }
}
[[gnu::weak]] void* operator new[](size_t size, const std::nothrow_t& nothrow) noexcept {
  return ::operator new(size, nothrow);
}
[[gnu::weak]] void* operator new(size_t size, std::align_val_t align,
                                 const std::nothrow_t&) noexcept {
  try {
    return ::operator new(size, align);
  } catch (...) {
    return nullptr;
  }
}
[[gnu::weak]] void* operator new[](size_t size, std::align_val_t align,
                                   const std::nothrow_t& nothrow) noexcept {
  return ::operator new(size, align, nothrow);
}

[[gnu::weak]] void operator delete(void* memory) noexcept { sluice::heap::deallocate(memory); }
[[gnu::weak]] void operator delete[](void* memory) noexcept { ::operator delete(memory); }
[[gnu::weak]] void operator delete(void* memory, size_t) noexcept { ::operator delete(memory); }
[[gnu::weak]] void operator delete[](void* memory, size_t) noexcept { ::operator delete[](memory); }
[[gnu::weak]] void operator delete(void* memory, std::align_val_t) noexcept {
  sluice::heap::deallocate(memory);
}
[[gnu::weak]] void operator delete[](void* memory, std::align_val_t align) noexcept {
  ::operator delete(memory, align);
}
[[gnu::weak]] void operator delete(void* memory, size_t, std::align_val_t align) noexcept {
  ::operator delete(memory, align);
}
[[gnu::weak]] void operator delete[](void* memory, size_t, std::align_val_t align) noexcept {
  ::operator delete[](memory, align);
}
[[gnu::weak]] void operator delete(void* memory, const std::nothrow_t&) noexcept {
  ::operator delete(memory);
}
[[gnu::weak]] void operator delete[](void* memory, const std::nothrow_t&) noexcept {
  ::operator delete[](memory);
}
[[gnu::weak]] void operator delete(void* memory, std::align_val_t align,
                                   const std::nothrow_t&) noexcept {
  ::operator delete(memory, align);
}
[[gnu::weak]] void operator delete[](void* memory, std::align_val_t align,
                                     const std::nothrow_t&) noexcept {
  ::operator delete[](memory, align);
}

#endif
