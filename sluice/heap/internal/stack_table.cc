// SPDX-License-Identifier: Apache-2.0

#include "sluice/heap/internal/stack_table.h"

#include <sys/mman.h>

#include <algorithm>
#include <new>

namespace sluice::heap {

namespace {

uint64_t hash_of(std::span<const uintptr_t> frames) {
  uint64_t hash = frames.size();
  for (uintptr_t frame : frames) hash = (hash ^ frame) * 0x9e3779b97f4a7c15 ^ hash >> 29;
  return hash ^ hash >> 32;
}

StackRecord* found(StackRecord* first, StackRecord* end, uint64_t hash,
                   std::span<const uintptr_t> frames) {
  for (StackRecord* each = first; each != end; each = each->next)
    if (each->hash == hash && std::ranges::equal(each->frames(), frames)) return each;
  return nullptr;
}

}  // namespace

void StackTable::release() {
  if (Memory* memory = memory_.exchange(nullptr, std::memory_order_acq_rel))
    ::munmap(memory, bytes_);
}

// Null: there is no address space for it.
StackTable::Memory* StackTable::reserve() {
  void* fresh = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (fresh == MAP_FAILED) return memory_.load(std::memory_order_acquire);
  // Zeroes are empty buckets, and nothing used.
  Memory* memory = static_cast<Memory*>(fresh);
  Memory* present = nullptr;
  if (memory_.compare_exchange_strong(present, memory, std::memory_order_acq_rel)) return memory;
  ::munmap(fresh, bytes_);
  return present;
}

// Null: no room is left.
StackRecord* StackTable::add(Memory* memory, uint64_t hash, std::span<const uintptr_t> frames) {
  size_t bytes = sizeof(StackRecord) + frames.size_bytes();
  size_t room = bytes_ - sizeof(Memory);
  if (memory->used.load(std::memory_order_relaxed) + bytes > room) return nullptr;
  size_t at = memory->used.fetch_add(bytes, std::memory_order_relaxed);
  if (at + bytes > room) return nullptr;
  auto* record = new (reinterpret_cast<char*>(memory + 1) + at) StackRecord;
  record->hash = hash;
  record->frame_count = frames.size();
  std::ranges::copy(frames, reinterpret_cast<uintptr_t*>(record + 1));
  return record;
}

StackRecord& StackTable::find(std::span<const uintptr_t> frames) {
  Memory* memory = memory_.load(std::memory_order_acquire);
  if (memory == nullptr && (memory = reserve()) == nullptr) return rest_;
  uint64_t hash = hash_of(frames);
  std::atomic<StackRecord*>& bucket = memory->buckets[hash % bucket_count];
  StackRecord* first = bucket.load(std::memory_order_acquire);
  if (StackRecord* record = found(first, nullptr, hash, frames)) return *record;
  StackRecord* record = add(memory, hash, frames);
  if (record == nullptr) return rest_;
  for (StackRecord* seen = first;;) {
    record->next = first;
    if (bucket.compare_exchange_weak(first, record, std::memory_order_acq_rel)) return *record;
    // Others came first, maybe with the same stack: then this record's memory is lost.
    if (StackRecord* other = found(first, seen, hash, frames)) return *other;
    seen = first;
  }
}

}  // namespace sluice::heap
