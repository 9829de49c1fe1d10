// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "sluice/base/result.h"
#include "sluice/runtime/internal/g.h"
#include "sluice/runtime/internal/slot_list.h"
#include "sluice/runtime/internal/stack_bounds.h"
#include "sluice/runtime/runtime.h"
#include "sluice/runtime/spin_lock.h"

namespace sluice::runtime {

// Where goroutine stacks come from: slabs of address space, touched lazily, never unmapped.
//
// Each stack has a guard below it. MADV_GUARD_INSTALL (Linux 6.13) puts it into the page tables and
// splits no mapping; mprotect makes two mappings of one, and vm.max_map_count (65,530 by default)
// ends that near 32,000 stacks. Carving fails with an error that names the limit; it never hands
// out a stack without the guard that was asked for.
// Tops are coloured: every stack starts at another multiple of 64 bytes, else the hot lines of all
// stacks would share a few cache sets. Free stacks are reused last in, first out. Warm ones hold
// the pages that they touched, cold ones gave them back to the kernel: those that `warm_max` leaves
// no room for, those that nobody needed for a while (trim), and all under memory pressure (drain).
// Thread-safety: everything is locked inside. Process-wide, one pool per geometry.
class StackPool {
 public:
  static StackPool& with(size_t stack_bytes, StackGuard guard);

  // Makes `count` more stacks. Errors: resource_exhausted.
  Result<void> carve(uint32_t count);

  // Moves up to `count` free stacks to `out`; returns how many. Carved stacks are never lost, so
  // a caller that carved enough always finds some.
  uint32_t take(Stack* out, uint32_t count);
  // Allocates nothing and cannot fail: it is called in regions.
  void give(const Stack* stacks, uint32_t count);
  // The same, and no system call: they stay warm, however many there are.
  void give_warm(const Stack* stacks, uint32_t count);

  // Makes those warm stacks cold that nobody took since the call before and that are more than
  // `percent` of what is in use, but keeps `warm_min`. Returns how many. The longest unused go.
  uint32_t trim(uint32_t percent);
  // Makes all warm stacks cold, and has the kernel take at once what release_lazily() left it to
  // take when it likes. Returns how many stacks that were.
  uint32_t drain();
  // trim() and drain() keep up to this many stacks in hand: who pairs goroutines with stacks carves
  // so many more. One thread at a time may call them.
  static constexpr uint32_t in_hand_max = 64;

  // Pages are given back by MADV_FREE from now on, except under pressure: the kernel takes them
  // when it needs them, and until then they count as ours. For all pools.
  static void release_lazily(bool lazily);

  size_t stack_bytes() const { return stack_bytes_; }
  StackGuard guard() const { return guard_; }
  // Lowest usable address.
  const char* bottom(uint32_t slot) const { return slot_begin(slot) + guard_bytes; }
  size_t usable_bytes() const { return stack_bytes_ - guard_bytes; }
  // The slot whose guard or stack holds `address`; -1: none. Async-signal-safe.
  int64_t slot_of(const void* address, bool* in_guard) const;
  // Stacks that exist, and those of them that are here: with pages, without.
  struct Counts {
    uint32_t carved;
    uint32_t warm;
    uint32_t lazy;  // without, once the kernel has taken them
    uint32_t cold;
  };
  Counts counts();
  uint32_t carved() const { return carved_.load(std::memory_order_acquire); }
  // The usable bytes of that slot; empty when there is no such slot. They can be read at any time,
  // by any thread: they stay mapped.
  StackBounds bounds(uint32_t slot) const;
  // Where stacks lie, `slab_bytes` from each on.
  std::span<char* const> slabs() const { return {slabs_, (carved() + per_slab_ - 1) / per_slab_}; }
  // The most goroutines that this kind of guard allows.
  size_t count_max() const { return count_max_; }

  static constexpr size_t guard_bytes = 16384;
  static constexpr size_t stack_bytes_min = 32768;
  static constexpr size_t slab_bytes = size_t{256} << 20;
  static constexpr size_t slabs_max = 1 << 16;
  // Free stacks past this many give their pages back to the kernel.
  static constexpr uint32_t warm_max = 16384;
  // 2 MiB or so: not worth a page fault each time a small program gets busy again.
  static constexpr uint32_t warm_min = 256;

  StackPool(size_t stack_bytes, StackGuard guard);

 private:
  char* slot_begin(uint32_t slot) const {
    return slabs_[slot / per_slab_] + (slot % per_slab_) * stack_bytes_;
  }
  Result<void> add_slab();
  // For the next `count` stacks to be carved, of one slab; at most guard_batch.
  static constexpr uint32_t guard_batch = 64;
  Result<void> install_guards(uint32_t count);
  Stack make(uint32_t slot) const;
  SlotList::Link& link(uint32_t slot) const;
  auto links() const {
    return [this](uint32_t slot) -> SlotList::Link& { return link(slot); };
  }
  // Up to `most` of the longest unused of `from`, to slots[].
  uint32_t take_oldest(SlotList& from, uint32_t most, uint32_t* slots);
  uint32_t make_cold(SlotList& from, uint32_t most, bool lazily);
  // Of at most in_hand_max.
  void release_pages(uint32_t* slots, uint32_t count, bool lazily) const;

  const size_t stack_bytes_;
  const StackGuard guard_;
  const uint32_t per_slab_;
  size_t count_max_ = SIZE_MAX;
  RawSpinLock lock_;  // guards the lists
  uint32_t slab_count_ = 0;
  std::atomic<uint32_t> carved_{0};  // written under lock_, after what the new slot needs
  SlotList warm_;                    // with pages
  SlotList lazy_;                    // their pages may have gone back
  SlotList cold_;                    // their pages went back to the kernel
  uint32_t warm_least_ = 0;          // of warm_.count since the last trim; guarded by lock_
  char** slabs_;  // slabs_max entries, lazily touched; links follow each slab's stacks
};

// automatic resolved to what this kernel has. Errors: failed_precondition (madvise was demanded).
Result<StackGuard> resolve(StackGuard guard);

// The pool of the running (or last) Runtime.
extern StackPool* stack_pool;

}  // namespace sluice::runtime
