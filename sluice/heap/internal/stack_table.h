// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace sluice::heap {

// What was allocated by one stack. Lives as long as its table.
struct StackRecord {
  std::atomic<uint64_t> objects{0};  // in the units of whoever adds
  std::atomic<uint64_t> bytes{0};
  std::atomic<uint64_t> freed_objects{0};
  std::atomic<uint64_t> freed_bytes{0};

  std::span<const uintptr_t> frames() const {
    return {reinterpret_cast<const uintptr_t*>(this + 1), frame_count};
  }

  StackRecord* next = nullptr;  // the same in all that follows: immutable once it is in the table
  uint64_t hash = 0;
  size_t frame_count = 0;
};

// Records by stack. Made for the allocation hook: no malloc, no locks, so that it works inside an
// allocation, and in the child of a fork whatever other threads were doing.
// Records only come, in memory of its own; what finds no room goes to one record without frames.
// Not destroyed by itself: it may be needed after the statics are.
// Thread-safety: any thread at any time, but for release().
class StackTable {
 public:
  // Of address space; memory comes as it is touched, 100 bytes and 8 a frame for each record.
  constexpr explicit StackTable(size_t bytes) : bytes_(bytes) {}
  StackTable(const StackTable&) = delete;
  StackTable& operator=(const StackTable&) = delete;

  StackRecord& find(std::span<const uintptr_t> frames);
  // Gives the memory back, when nobody uses the table or its records any more.
  void release();

  template <class Visit>
  void for_each(Visit visit) {
    if (rest_.objects.load(std::memory_order_relaxed) != 0) visit(rest_);
    Memory* memory = memory_.load(std::memory_order_acquire);
    for (size_t i = 0; memory != nullptr && i < bucket_count; ++i)
      for (StackRecord* each = memory->buckets[i].load(std::memory_order_acquire); each != nullptr;
           each = each->next)
        visit(*each);
  }

 private:
  static constexpr size_t bucket_count = 1024;
  struct Memory {
    std::atomic<StackRecord*> buckets[bucket_count];
    std::atomic<size_t> used;
  };

  Memory* reserve();
  StackRecord* add(Memory* memory, uint64_t hash, std::span<const uintptr_t> frames);

  const size_t bytes_;
  std::atomic<Memory*> memory_{nullptr};
  StackRecord rest_;
};

}  // namespace sluice::heap
