// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/heap_blocks.h"

#include <algorithm>
#include <bit>
#include <cstdlib>

namespace sluice::runtime {

namespace {

// Of a thread's arena: its heaps lie at multiples of this (HEAP_MAX_SIZE).
constexpr uintptr_t heap_alignment = uintptr_t{64} << 20;
constexpr size_t chunk_min = 32;
constexpr size_t header_bytes = 16;

// The low bits of a chunk's size.
constexpr size_t previous_in_use = 1;
constexpr size_t is_mapped = 2;
constexpr size_t not_main_arena = 4;

uintptr_t word(uintptr_t address) { return *reinterpret_cast<const uintptr_t*>(address); }
size_t head_of(uintptr_t chunk) { return word(chunk + 8); }
size_t size_of(uintptr_t chunk) { return head_of(chunk) & ~size_t{7}; }

// A thread's cache of freed blocks (tcache_perthread_struct): 64 counts, then 64 lists, of blocks
// of 32 bytes with their headers, 48 and so on. A block that is there is nobody's.
constexpr size_t cache_bytes = 0x290;
constexpr size_t cache_lists = 64;

// Where malloc_state has its lists of small freed chunks, of 32 bytes and so on, the last chunk of
// its arena, and its lists of free chunks.
constexpr size_t state_fast = 0x10;
constexpr size_t state_fast_lists = 10;
constexpr size_t state_top = 0x60;
constexpr size_t state_bins = 0x70;
constexpr size_t state_bins_end = state_bins + 254 * sizeof(uintptr_t);

// Empty lists lead to themselves; the last, of the largest chunks, is about always empty.
bool is_state(uintptr_t state) {
  uintptr_t last = state + state_bins_end - 2 * sizeof(uintptr_t);
  return word(last) == last - header_bytes && word(last + sizeof(uintptr_t)) == word(last);
}

}  // namespace

// The chunk's size field is its user's last word's neighbour: the first word of the next chunk
// belongs to this one's user while it is handed out.
HeapBlocks::Block HeapBlocks::block_at(uintptr_t chunk) {
  uintptr_t next = chunk + size_of(chunk);
  if ((head_of(next) & previous_in_use) == 0) return {};  // free
  return {chunk + header_bytes, next + 8};
}

// Whether [begin, end) is a run of chunks; shows all but the last to `visit`. The last one is free:
// what malloc grows into, or in a heap that was outgrown two fenceposts.
template <class Visit>
bool HeapBlocks::walk(uintptr_t begin, uintptr_t end, bool main, Visit visit) {
  if ((head_of(begin) & previous_in_use) == 0) return false;
  for (uintptr_t at = begin;;) {
    size_t size = size_of(at);
    if (size < chunk_min && end - at <= 2 * header_bytes && !main) return true;
    if ((head_of(at) & (main ? is_mapped | not_main_arena : is_mapped)) != 0) return false;
    if (size < chunk_min || size % chunk_unit != 0 || size > end - at) return false;
    uintptr_t next = at + size;
    if (next == end) return true;
    bool in_use = (head_of(next) & previous_in_use) != 0;
    if (!in_use && word(next) != size) return false;  // a free chunk has its size at its end, too
    visit(at);
    at = next;
  }
}

bool HeapBlocks::take(uintptr_t heap, uintptr_t begin, uintptr_t end, bool main) {
  uintptr_t last = begin;
  auto note = [&](uintptr_t chunk) { last = chunk; };
  if (count_ == arenas_max || !walk(begin, end, main, note)) return false;
  if (main) main_top_ = last == begin ? begin : last + size_of(last);
  size_t words = (end - begin) / chunk_unit / 64 + 1;
  auto* bits = static_cast<uint64_t*>(scratch_->get(2 * words * sizeof(uint64_t)));
  if (bits == nullptr) return false;
  arenas_[count_++] = {heap, 0, begin, end, bits, bits + words};
  walk(begin, end, main, [&](uintptr_t chunk) {
    size_t i = (chunk - begin) / chunk_unit;
    bits[i / 64] |= uint64_t{1} << i % 64;
  });
  low_ = std::min(low_, begin);
  high_ = std::max(high_, end);
  return true;
}

// A heap_info at `heap`: {arena, previous heap, bytes in use, bytes accessible, ...}. In an arena's
// first heap the arena itself comes next, whose size differs between versions: the chunks begin
// where the walk succeeds.
void HeapBlocks::try_arena(uintptr_t heap, uintptr_t mapped_until) {
  constexpr size_t info_bytes_max = 64;
  uintptr_t info[4];  // by way of the kernel: a guard may be here
  if (reader_.read(heap, {reinterpret_cast<char*>(info), sizeof info}) != sizeof info) return;
  uintptr_t arena = info[0];
  uintptr_t previous = info[1];
  size_t size = info[2];
  size_t accessible = info[3];
  if (size == 0 || size % 4096 != 0 || size > accessible || size > mapped_until - heap) return;
  bool first = previous == 0;
  if (first != (arena > heap && arena <= heap + info_bytes_max)) return;
  uintptr_t begin = heap + (first ? 2048 : 32);
  uintptr_t until = heap + (first ? 3072 : info_bytes_max);
  for (; begin <= until; begin += chunk_unit)
    if (take(heap, begin, heap + size, false)) {
      if (first) arenas_[count_ - 1].state = arena;
      return;
    }
}

void HeapBlocks::find_arenas(std::span<const Mapping> mappings) {
  for (const Mapping& mapping : mappings) {
    if (!mapping.readable || !mapping.writable || mapping.shared) continue;
    if (mapping.kind == Mapping::Kind::heap) take(mapping.begin, mapping.begin, mapping.end, true);
    if (mapping.kind != Mapping::Kind::anonymous) continue;
    uintptr_t heap = (mapping.begin + heap_alignment - 1) & ~(heap_alignment - 1);
    for (; heap < mapping.end; heap += heap_alignment) try_arena(heap, mapping.end);
  }
  std::sort(arenas_, arenas_ + count_,
            [](const Arena& a, const Arena& b) { return a.begin < b.begin; });
  find_main_state(mappings);
  forget_freed();
}

// The main arena's is a variable of libc, found by what it holds.
void HeapBlocks::find_main_state(std::span<const Mapping> mappings) {
  if (main_top_ == 0) return;
  for (const Mapping& mapping : mappings) {
    if (mapping.kind != Mapping::Kind::file || !mapping.writable || mapping.shared) continue;
    if (mapping.end - mapping.begin < state_bins_end) continue;
    uintptr_t last = mapping.end - state_bins_end;
    for (uintptr_t state = mapping.begin; state <= last; state += sizeof(uintptr_t))
      if (word(state + state_top) == main_top_ && is_state(state)) {
        main_state_ = {state, state + state_bins_end};
        return;
      }
  }
}

const HeapBlocks::Arena* HeapBlocks::search(uintptr_t address) const {
  const Arena* after =
      std::upper_bound(arenas_, arenas_ + count_, address,
                       [](uintptr_t value, const Arena& arena) { return value < arena.begin; });
  if (after == arenas_ || address >= after[-1].end) return nullptr;
  return after - 1;
}

bool HeapBlocks::is_cache(uintptr_t chunk) const {
  if (size_of(chunk) != cache_bytes) return false;
  const auto* counts = reinterpret_cast<const uint16_t*>(chunk + header_bytes);
  uintptr_t lists = chunk + header_bytes + cache_lists * sizeof *counts;
  for (size_t i = 0; i < cache_lists; ++i) {
    uintptr_t first = word(lists + i * sizeof first);
    if ((counts[i] == 0) != (first == 0)) return false;
    if (first == 0) continue;
    if (first % 16 != 0 || !holds(first)) return false;
    if (size_of(first - header_bytes) != chunk_min + 16 * i) return false;
  }
  return true;
}

bool HeapBlocks::is_chunk(uintptr_t chunk, size_t size) const {
  const Arena* arena = chunk % chunk_unit == 0 ? arena_of(chunk) : nullptr;
  if (arena == nullptr) return false;
  size_t i = (chunk - arena->begin) / chunk_unit;
  return (arena->starts[i / 64] >> i % 64 & 1) != 0 && size_of(chunk) == size;
}

// Then it belongs to no block: mark() finds the one before, which does not reach so far.
void HeapBlocks::forget(uintptr_t chunk) {
  const Arena* arena = arena_of(chunk);
  size_t i = (chunk - arena->begin) / chunk_unit;
  arena->starts[i / 64] &= ~(uint64_t{1} << i % 64);
}

// A list of freed chunks, up to the first that does not look like one. The next one's address, in
// a cache that of its memory, is kept exclusive-or'ed with the place that it is kept at, shifted by
// a page ("safe-linking").
void HeapBlocks::forget_list(uintptr_t first, size_t size, size_t count, bool cached) {
  for (uintptr_t block = first; block != 0 && count != 0; --count) {
    if (!is_chunk(block - header_bytes, size)) return;
    if (cached && word(block + sizeof(uintptr_t)) != cache_key_) return;
    uintptr_t next = word(block) ^ block >> 12;
    if (next != 0 && !cached) next += header_bytes;
    if (next != 0 && !is_chunk(next - header_bytes, size)) return;
    forget(block - header_bytes);
    block = next;
  }
}

void HeapBlocks::forget_cached(uintptr_t chunk) {
  const auto* counts = reinterpret_cast<const uint16_t*>(chunk + header_bytes);
  uintptr_t lists = chunk + header_bytes + cache_lists * sizeof *counts;
  for (size_t i = 0; i < cache_lists; ++i)
    forget_list(word(lists + i * sizeof(uintptr_t)), chunk_min + 16 * i, counts[i], true);
}

void HeapBlocks::forget_fast(uintptr_t state) {
  for (size_t i = 0; i < state_fast_lists; ++i)
    if (uintptr_t first = word(state + state_fast + i * sizeof(uintptr_t)); first != 0)
      forget_list(first + header_bytes, chunk_min + 16 * i, SIZE_MAX, false);
}

void HeapBlocks::forget_freed() {
  if (main_state_.begin != 0) forget_fast(main_state_.begin);
  for (const Arena& arena : arenas()) {
    if (arena.state != 0) forget_fast(arena.state);
    if (cache_key_ == 0) continue;
    for (size_t i = 0; i < (arena.end - arena.begin) / chunk_unit; ++i) {
      if ((arena.starts[i / 64] >> i % 64 & 1) == 0) continue;
      uintptr_t chunk = arena.begin + i * chunk_unit;
      if (is_cache(chunk)) forget_cached(chunk);
    }
  }
}

uintptr_t HeapBlocks::ask_cache_key() {
  void* block = std::malloc(2 * sizeof(uintptr_t));
  uintptr_t at = reinterpret_cast<uintptr_t>(block);
  asm volatile("" : "+r"(at));  // the compiler is not to know that this is that block
  std::free(block);
  return at == 0 ? 0 : word(at + sizeof(uintptr_t));
}

// The chunk that `address` is in; 0: none, as in the last one.
uintptr_t HeapBlocks::chunk_of(uintptr_t address, const Arena* arena) const {
  size_t i = (address - arena->begin) / chunk_unit;
  size_t at = i / 64;
  uint64_t bits = arena->starts[at] & (~uint64_t{0} >> (63 - i % 64));
  while (bits == 0 && at > 0) bits = arena->starts[--at];
  if (bits == 0) return 0;
  i = at * 64 + 63 - static_cast<size_t>(std::countl_zero(bits));
  uintptr_t chunk = arena->begin + i * chunk_unit;
  return address - chunk < size_of(chunk) ? chunk : 0;
}

HeapBlocks::Block HeapBlocks::find(uintptr_t address) const {
  const Arena* arena = arena_of(address);
  uintptr_t chunk = arena == nullptr ? 0 : chunk_of(address, arena);
  return chunk == 0 ? Block{} : block_at(chunk);
}

HeapBlocks::Block HeapBlocks::mark(uintptr_t address) {
  const Arena* arena = arena_of(address);
  uintptr_t chunk = arena == nullptr ? 0 : chunk_of(address, arena);
  if (chunk == 0) return {};
  size_t i = (chunk - arena->begin) / chunk_unit;
  uint64_t bit = uint64_t{1} << i % 64;
  if ((arena->marks[i / 64] & bit) != 0) return {};
  Block block = block_at(chunk);
  if (block.begin == 0) return {};
  arena->marks[i / 64] |= bit;
  return is_cache(block.begin - header_bytes) ? Block{} : block;
}

}  // namespace sluice::runtime
