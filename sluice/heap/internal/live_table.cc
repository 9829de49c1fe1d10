// SPDX-License-Identifier: Apache-2.0

#include "sluice/heap/internal/live_table.h"

#include <sys/mman.h>

namespace sluice::heap {

namespace {
// The address as it stands in the table: not as one, lest a search of memory for pointers finds
// here whatever was sampled (runtime/leaks.h).
uintptr_t key_of(uintptr_t address) { return ~address; }
}  // namespace

LiveTable::Bucket& LiveTable::bucket_in(Bucket* buckets, size_t level, uintptr_t address) {
  // Each level by bits of its own, 6, 9, 12, 15 from the top: what shares a bucket in one is spread
  // in the next.
  uint64_t hash = (address >> 4) * 0x9e3779b97f4a7c15;
  size_t bits_to_here = 6 * (level + 1) + 3 * level * (level + 1) / 2;
  return buckets[(hash >> (64 - bits_to_here)) % buckets_of(level)];
}

// Null: there is no memory for it.
LiveTable::Bucket* LiveTable::level(size_t index) {
  if (index == 0) return first_;
  std::atomic<Bucket*>& place = more_[index - 1];
  Bucket* present = place.load(std::memory_order_acquire);
  if (present != nullptr) return present;
  size_t bytes = buckets_of(index) * sizeof(Bucket);
  void* fresh = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (fresh == MAP_FAILED) return place.load(std::memory_order_acquire);
  if (place.compare_exchange_strong(present, static_cast<Bucket*>(fresh),
                                    std::memory_order_acq_rel))
    return static_cast<Bucket*>(fresh);
  ::munmap(fresh, bytes);
  return present;
}

bool LiveTable::put(uintptr_t address, Entry entry) {
  for (size_t index = 0; index < level_count; ++index) {
    Bucket* buckets = level(index);
    if (buckets == nullptr) return false;
    Bucket& bucket = bucket_in(buckets, index, address);
    for (size_t i = 0; i < slot_count; ++i) {
      uintptr_t free = 0;
      // Acquire pairs with take()'s release: its reading of the entry is over.
      if (!bucket.key[i].compare_exchange_strong(free, taken, std::memory_order_acquire)) continue;
      bucket.entry[i] = entry;
      bucket.key[i].store(key_of(address), std::memory_order_release);
      return true;
    }
  }
  return false;
}

std::optional<LiveTable::Entry> LiveTable::take(uintptr_t address) {
  Bucket* buckets = first_;
  for (size_t index = 0; buckets != nullptr;) {
    Bucket& bucket = bucket_in(buckets, index, address);
    for (size_t i = 0; i < slot_count; ++i) {
      if (bucket.key[i].load(std::memory_order_acquire) != key_of(address)) continue;
      Entry entry = bucket.entry[i];
      bucket.key[i].store(0, std::memory_order_release);
      return entry;
    }
    if (++index == level_count) break;
    buckets = more_[index - 1].load(std::memory_order_acquire);
  }
  return std::nullopt;
}

}  // namespace sluice::heap
