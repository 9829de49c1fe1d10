// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "sluice/runtime/internal/g.h"
#include "sluice/runtime/internal/heap_blocks.h"
#include "sluice/runtime/internal/m.h"
#include "sluice/runtime/internal/memory_map.h"
#include "sluice/runtime/internal/scheduler.h"
#include "sluice/runtime/internal/scratch.h"
#include "sluice/runtime/internal/stack_pool.h"
#include "sluice/runtime/internal/stop_world.h"

namespace sluice::runtime {

// What the search starts with.
struct ReachInput {
  // All records: slabs of so many, the last one filled to `records_in_last`.
  std::span<G* const> record_slabs;
  size_t records_per_slab = 0;
  size_t records_in_last = 0;
  std::span<const StoppedThread> threads;
  // Where the calling context's stack begins, and the thread that it is on. Its registers are on
  // that stack. The bounds are empty for a goroutine, or if not known.
  uintptr_t caller_sp = 0;
  StackBounds caller_bounds;
  std::span<const uintptr_t> words;      // pointers from elsewhere
  std::span<const std::span<char>> own;  // memory of the search itself
  bool tell_blocks_apart = true;         // nobody is inside malloc
  uintptr_t cache_key = 0;               // HeapBlocks::ask_cache_key()
};

// Nothing can ever end such a wait.
bool never_wakes(WaitReason reason);

// Which parked goroutines a pointer leads to from anything that may run: leaks.h says what for.
// Memory must be of one moment, and nobody else run in it (a stopped world, or a copy of it in a
// child process). Takes no locks, allocates nothing but from its scratch. One use.
class Reach {
 public:
  Reach(const ReachInput& input, Scratch* scratch)
      : input_(input), scratch_(scratch), heap_(scratch) {
    heap_.set_cache_key(input.cache_key);
  }

  // Null: done. Else why it could not be.
  const char* search();

  // Ids of the parked goroutines that nothing leads to; returns how many, of which it writes those
  // that there is room for.
  size_t unreached(std::span<uint64_t> out) const;
  uint64_t bytes_read() const { return bytes_read_; }

 private:
  // A goroutine that is parked where only who finds its place on its own stack can wake it.
  struct Parked {
    uintptr_t low;
    uintptr_t high;
    G* g;
    bool reached;
  };
  struct Range {
    uintptr_t begin;
    uintptr_t end;
  };
  static constexpr size_t excluded_max = 1 << 18;
  static constexpr size_t pending_max = 1 << 20;
  static constexpr uintptr_t red_zone_max = 128;

  static constexpr uint32_t searched = UINT32_MAX;

  // What there is.
  bool make_tables();
  template <class Visit>
  void visit_goroutines(Visit visit) const;
  void note_queued();
  void note_queued(const G* g);
  bool is_queued(size_t record) const { return (queued_[record / 64] >> record % 64 & 1) != 0; }
  bool is_candidate(const G* g, size_t record) const;
  // Of its stack: from its sp, or all where it may be in use.
  static StackBounds live_part(const G* g);
  static size_t closure_bytes(const G* g);
  void note_candidate(G* g, size_t record);
  int64_t record_of(uintptr_t address) const;

  // reach_roots.cc: what to leave out, and where to start.
  void exclude(uintptr_t begin, uintptr_t end);
  void exclude_known();
  void exclude_dead_stacks();
  uintptr_t live_end_of(uintptr_t low, uintptr_t high) const;
  static StackBounds alternate_stack(const StoppedThread& thread);

  void search_contexts();
  void search_stack(uintptr_t sp, uintptr_t red_zone);
  static uintptr_t red_zone_of(const ThreadRegisters& registers);
  void note_context(uintptr_t begin);
  static bool is_idle(const M* m);
  static bool is_idle(int tid, uintptr_t sp);
  void search_live_goroutine(G* g, size_t record);
  void search_closures_left_running();
  void search_mappings();
  void search_mapping(const Mapping& mapping);
  void search_pages(uintptr_t begin, uintptr_t end);

  // The search. `context`: the words are of something that executes or will.
  void search_words(uintptr_t begin, uintptr_t end, bool context);
  void take(uintptr_t word, bool context);
  void take_block(uintptr_t address);
  void take_goroutine(uint32_t index);
  template <class Each>
  void visit_parts(const Parked& parked, Each each) const;
  void push(uintptr_t begin, uintptr_t end);
  void drain();

  const ReachInput input_;
  Scratch* const scratch_;
  HeapBlocks heap_;
  std::span<const Mapping> mappings_;
  std::span<Parked> parked_;
  size_t parked_count_ = 0;
  // 1 + index into parked_, by a stack's slot and by a record's number; 0: none, `searched`: its
  // thread's registers said what of it is alive.
  std::span<uint32_t> by_slot_;
  std::span<uint32_t> by_record_;
  std::span<uint64_t> queued_;  // a bit for each record: it is in a run queue
  std::span<Range> excluded_;
  size_t excluded_count_ = 0;
  std::span<Range> contexts_;  // where threads' own stacks and registers are, among the mappings
  size_t contexts_count_ = 0;
  // Reached and yet to be searched.
  std::span<Range> pending_;
  size_t pending_count_ = 0;
  bool overflowed_ = false;  // some were not noted
  const char* failure_ = nullptr;
  PagesInUse pages_;
  SafeReader reader_;
  std::span<char> buffer_;
  uint64_t bytes_read_ = 0;
};

template <class Visit>
void Reach::visit_goroutines(Visit visit) const {
  size_t record = 0;
  for (G* slab : input_.record_slabs) {
    bool last = slab == input_.record_slabs.back();
    size_t count = last ? input_.records_in_last : input_.records_per_slab;
    for (size_t i = 0; i < count; ++i, ++record) {
      G* g = &slab[i];
      if (g->foreign || g->state.load(std::memory_order_relaxed) == GState::free) continue;
      // An ended Runtime's goroutines do not run; if a thread of it still does, its stack shows.
      if (g->runtime != sched.number.load(std::memory_order_relaxed)) continue;
      visit(g, record);
    }
  }
}

}  // namespace sluice::runtime
