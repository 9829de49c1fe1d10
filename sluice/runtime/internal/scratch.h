// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace sluice::runtime {

// Memory straight from the kernel, for those who must not allocate: zeroed, touched lazily, given
// back with this object. One user at a time.
class Scratch {
 public:
  Scratch() = default;
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    for (std::span<char> part : parts()) ::munmap(part.data(), part.size());
  }

  // Null: no address space. `flags`: MAP_PRIVATE, or MAP_SHARED with a child process to be.
  void* get(size_t bytes, int flags = MAP_PRIVATE) {
    if (bytes == 0) bytes = 1;
    if (count_ == parts_max) return nullptr;
    void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                          flags | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return nullptr;
    parts_[count_++] = {static_cast<char*>(memory), bytes};
    return memory;
  }
  // Empty: no address space.
  template <class T>
  std::span<T> array(size_t count, int flags = MAP_PRIVATE) {
    void* memory = get(count * sizeof(T), flags);
    return {static_cast<T*>(memory), memory == nullptr ? 0 : count};
  }

  std::span<const std::span<char>> parts() const { return {parts_, count_}; }

 private:
  static constexpr size_t parts_max = 512;

  std::span<char> parts_[parts_max];
  size_t count_ = 0;
};

}  // namespace sluice::runtime
