// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "sluice/heap/internal/sampling.h"
#include "sluice/heap/internal/stack_table.h"

namespace sluice::heap {

// The sampled allocations that live, by address: asked at every free that may be of one.
// No malloc and no locks, as in StackTable. An address is in at most once and is put in, and taken
// out, by whoever has the allocation: so no two threads are after the same address.
// A bucket of eight, then one of a table that is eight times larger, and so on: nothing moves, so
// who searches needs no protection from who adds. What finds no room in the last is not kept.
class LiveTable {
 public:
  struct Entry {
    StackRecord* record = nullptr;
    Weight weight;
  };

  constexpr LiveTable() = default;
  LiveTable(const LiveTable&) = delete;
  LiveTable& operator=(const LiveTable&) = delete;

  // False: there is no room. `address` is not 0.
  bool put(uintptr_t address, Entry entry);
  std::optional<Entry> take(uintptr_t address);

 private:
  static constexpr size_t slot_count = 8;
  struct alignas(64) Bucket {
    std::atomic<uintptr_t>
        key[slot_count];  // an address; 0: free; `taken`: the entry is being written
    Entry entry[slot_count];
  };
  static constexpr uintptr_t taken = 1;
  static constexpr size_t level_count = 4;
  static constexpr size_t first_buckets = 64;

  static constexpr size_t buckets_of(size_t level) { return first_buckets << (3 * level); }
  static Bucket& bucket_in(Bucket* buckets, size_t level, uintptr_t address);
  Bucket* level(size_t index);

  Bucket first_[first_buckets] = {};
  std::atomic<Bucket*> more_[level_count - 1] = {};
};

}  // namespace sluice::heap
