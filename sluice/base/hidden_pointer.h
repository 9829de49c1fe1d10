// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>

namespace sluice {

// A pointer that a search of memory for pointers does not take for one (runtime/leaks.h): for lists
// of what is alive, which must not be what keeps it from being found.
template <class T>
class HiddenPointer {
 public:
  constexpr HiddenPointer() = default;
  HiddenPointer(T* pointer) : bits_(~reinterpret_cast<uintptr_t>(pointer)) {}  // NOLINT: implicit
  operator T*() const { return reinterpret_cast<T*>(~bits_); }                 // NOLINT: implicit
  T* operator->() const { return *this; }

 private:
  uintptr_t bits_ = ~uintptr_t{0};
};

}  // namespace sluice
