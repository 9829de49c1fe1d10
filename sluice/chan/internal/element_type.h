// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace sluice::internal {

// What the channel core must know of its elements. The functions are never null: an indirect call
// that is always the same one costs less than a test and a memcpy of variable size.
struct ElementType {
  uint32_t slot_bytes;                              // 0: the type has no state, nothing is stored
  uint32_t buffer_alignment;                        // of the whole allocation
  void (*move)(void* to, void* from) noexcept;      // constructs *to; *from stays to be destroyed
  void (*relocate)(void* to, void* from) noexcept;  // constructs *to and destroys *from
  void (*destroy)(void* element) noexcept;
};

// A value without state: only the number of them matters.
template <class T>
inline constexpr bool is_stateless =
    std::is_empty_v<T> && std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>;

template <class T>
inline void relocate_element(T* to, T* from) noexcept {
  ::new (static_cast<void*>(to)) T(std::move(*from));
  std::destroy_at(from);
}

template <class T>
inline constexpr ElementType element_type{
    .slot_bytes = is_stateless<T> ? 0 : sizeof(T),
    .buffer_alignment = alignof(T),
    .move = [](void* to, void* from) noexcept { ::new (to) T(std::move(*static_cast<T*>(from))); },
    .relocate =
        [](void* to, void* from) noexcept {
          relocate_element(static_cast<T*>(to), static_cast<T*>(from));
        },
    .destroy = [](void* element) noexcept { std::destroy_at(static_cast<T*>(element)); },
};

}  // namespace sluice::internal
