// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "sluice/runtime/internal/memory_map.h"
#include "sluice/runtime/internal/scratch.h"

namespace sluice::runtime {

// The blocks that glibc's malloc has handed out, and a mark on each: so that a block which only
// garbage points to need not be taken for reachable.
//
// malloc's arenas are runs of chunks, each with its size in front, up to a last one that is free
// (malloc/malloc.c, "malloc_chunk"; the layout of twenty years). A run is walked from its begin,
// and taken only if every header is sound and the walk arrives exactly at its end. Another
// allocator's memory is not such a run; whoever asks finds no block there, and must take all of it
// for reachable. Blocks of more than some 128 KB are mappings of their own, and are none of these.
// What malloc keeps freed in its lists of small chunks, a thread's (tcache) and an arena's
// (fastbins), has headers as if it were handed out: it is taken from the lists, each entry only if
// it looks as they leave it (the next one's address mixed with its own, the caches' secret behind).
// Read while nobody is inside malloc. Allocates from `scratch` only.
class HeapBlocks {
 public:
  struct Arena {
    uintptr_t heap = 0;  // malloc's notes, if they are in front
    uintptr_t state =
        0;  // its malloc_state; 0: this is not the arena's first heap, or the main one
    uintptr_t begin = 0;  // the first chunk
    uintptr_t end = 0;
    uint64_t* starts = nullptr;  // a bit for every 16 bytes: a chunk begins here
    uint64_t* marks = nullptr;
  };
  // What a program sees of a block.
  struct Block {
    uintptr_t begin = 0;  // 0: none
    uintptr_t end = 0;
  };

  explicit HeapBlocks(Scratch* scratch) : scratch_(scratch) {}

  // The word that malloc puts into every block in a thread's cache (tcache_key); asked in the
  // process itself, since it allocates. 0: not known, and all in caches counts as handed out.
  static uintptr_t ask_cache_key();
  bool can_read() const { return reader_.ok(); }
  void set_cache_key(uintptr_t key) { cache_key_ = key; }

  // Walks all arenas among `mappings`.
  void find_arenas(std::span<const Mapping> mappings);

  std::span<const Arena> arenas() const { return {arenas_, count_}; }
  // malloc's own notes on the main arena, which lead to free chunks; those of others lie in front
  // of their chunks. Empty: not found.
  Block main_state() const { return main_state_; }

  // Marks the block that `address` is in, or just before. None: there is no such block, or it is
  // marked already. Who takes `address` for a pointer also asks for `address - 16`: a block's last
  // word lies in the next one's header, and its end just behind.
  Block mark(uintptr_t address);
  // The same, and leaves it as it is, marked or not.
  Block find(uintptr_t address) const;
  bool holds(uintptr_t address) const { return arena_of(address) != nullptr; }

  // Shows `visit(Block)` all that are marked.
  template <class Visit>
  void visit_marked(Visit visit) const {
    for (const Arena& arena : arenas())
      for (size_t i = 0; i < (arena.end - arena.begin) / chunk_unit; ++i)
        if ((arena.marks[i / 64] >> i % 64 & 1) != 0) visit(block_at(arena.begin + i * chunk_unit));
  }

 private:
  static constexpr size_t chunk_unit = 16;
  static constexpr size_t arenas_max = 256;

  const Arena* arena_of(uintptr_t address) const {
    if (address < low_ || address >= high_) return nullptr;
    return search(address);
  }
  const Arena* search(uintptr_t address) const;
  template <class Visit>
  static bool walk(uintptr_t begin, uintptr_t end, bool main, Visit visit);
  bool take(uintptr_t heap, uintptr_t begin, uintptr_t end, bool main);
  void try_arena(uintptr_t heap, uintptr_t mapped_until);
  void find_main_state(std::span<const Mapping> mappings);
  bool is_cache(uintptr_t chunk) const;
  uintptr_t chunk_of(uintptr_t address, const Arena* arena) const;
  bool is_chunk(uintptr_t chunk, size_t size) const;
  void forget(uintptr_t chunk);
  void forget_list(uintptr_t first, size_t size, size_t count, bool cached);
  void forget_cached(uintptr_t chunk);
  void forget_fast(uintptr_t state);
  void forget_freed();
  static Block block_at(uintptr_t chunk);

  Scratch* const scratch_;
  SafeReader reader_;
  Arena arenas_[arenas_max];
  size_t count_ = 0;
  uintptr_t low_ = UINTPTR_MAX;
  uintptr_t high_ = 0;
  uintptr_t main_top_ = 0;
  uintptr_t cache_key_ = 0;
  Block main_state_;
};

}  // namespace sluice::runtime
