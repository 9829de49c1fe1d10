// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/heap_blocks.h"

#include <malloc.h>

#include <cstdlib>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/runtime/internal/sanitizer.h"

namespace sluice::runtime {
namespace {

// The sanitizers have allocators of their own, in which no runs are found.
constexpr bool has_glibc_malloc = !sanitizer::address && !sanitizer::thread;

uintptr_t address(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer); }

class Search {
 public:
  Search() : blocks(&scratch) {
    if (has_glibc_malloc) blocks.set_cache_key(HeapBlocks::ask_cache_key());
    blocks.find_arenas(read_mappings(&scratch));
  }
  Scratch scratch;
  HeapBlocks blocks;
};

void expect_block(HeapBlocks& blocks, const void* memory) {
  HeapBlocks::Block block = blocks.mark(address(memory));
  if (!has_glibc_malloc) {
    EXPECT_EQ(block.begin, 0u);
    return;
  }
  EXPECT_EQ(block.begin, address(memory));
  EXPECT_EQ(block.end - block.begin, ::malloc_usable_size(const_cast<void*>(memory)));
}

TEST(HeapBlocks, FindsWhatMallocGave) {
  std::vector<std::unique_ptr<char[]>> memory;
  for (size_t size : {1, 8, 24, 25, 40, 100, 1000, 10000, 100000})
    memory.push_back(std::make_unique<char[]>(size));
  Search search;
  for (const auto& each : memory) expect_block(search.blocks, each.get());
}

TEST(HeapBlocks, FindsThoseOfAnotherThreadsArena) {
  std::vector<std::unique_ptr<char[]>> memory;
  std::thread([&] {
    for (size_t size : {24, 1000, 100000}) memory.push_back(std::make_unique<char[]>(size));
  }).join();
  Search search;
  for (const auto& each : memory) expect_block(search.blocks, each.get());
}

TEST(HeapBlocks, FindsABlockFromAnyPlaceInIt) {
  if (!has_glibc_malloc) return;
  auto memory = std::make_unique<char[]>(1000);
  for (ptrdiff_t offset : {-16, -1, 0, 1, 500, 991}) {
    Search search;
    EXPECT_EQ(search.blocks.mark(address(memory.get()) + static_cast<uintptr_t>(offset)).begin,
              address(memory.get()))
        << offset;
  }
  size_t usable = ::malloc_usable_size(memory.get());
  for (size_t offset : {usable - 8, usable}) {
    Search search;  // there the next header is, or begins
    EXPECT_EQ(search.blocks.mark(address(memory.get()) + offset - 16).begin, address(memory.get()));
  }
}

TEST(HeapBlocks, ShowsABlockOnce) {
  if (!has_glibc_malloc) return;
  auto memory = std::make_unique<char[]>(100);
  Search search;
  EXPECT_NE(search.blocks.mark(address(memory.get())).begin, 0u);
  EXPECT_EQ(search.blocks.mark(address(memory.get()) + 50).begin, 0u);
  size_t count = 0;
  search.blocks.visit_marked(
      [&](HeapBlocks::Block block) { count += block.begin == address(memory.get()); });
  EXPECT_EQ(count, 1u);
}

TEST(HeapBlocks, AFreedBlockIsNone) {
  if (!has_glibc_malloc) return;
  // Between others, so that it does not join what is beyond, and too large for the caches.
  void* before = std::malloc(100);
  void* memory = std::malloc(20000);
  void* behind = std::malloc(100);
  uintptr_t at = address(memory);
  std::free(memory);
  Search search;
  EXPECT_EQ(search.blocks.mark(at).begin, 0u);
  EXPECT_EQ(search.blocks.mark(address(before)).begin, address(before));
  EXPECT_EQ(search.blocks.mark(address(behind)).begin, address(behind));
  std::free(before);
  std::free(behind);
}

// More than a thread's cache holds of one size (7), so that the others come into an arena's list.
TEST(HeapBlocks, FreedBlocksInMallocsListsAreNone) {
  if (!has_glibc_malloc) return;
  for (size_t size : {24, 56, 104}) {
    std::vector<void*> memory, kept;
    for (int i = 0; i < 20; ++i) {
      memory.push_back(std::malloc(size));
      kept.push_back(std::malloc(size));  // in between, so that nothing is joined
    }
    std::vector<uintptr_t> freed;
    for (void* each : memory) freed.push_back(address(each));
    for (void* each : memory) std::free(each);
    {
      Search search;
      for (uintptr_t each : freed)
        for (uintptr_t offset : {0, 8, 23}) {
          HeapBlocks::Block block = search.blocks.mark(each + offset);
          EXPECT_TRUE(block.begin == 0 || block.begin > each || block.end <= each) << size;
        }
    }
    Search search;
    for (void* each : kept) expect_block(search.blocks, each);
    for (void* each : kept) std::free(each);
  }
}

// Nothing of a cache is believed without malloc's secret.
TEST(HeapBlocks, WithoutTheKeyWhatIsInCachesCountsAsHandedOut) {
  if (!has_glibc_malloc) return;
  void* memory = std::malloc(40);
  uintptr_t at = address(memory);
  std::free(memory);
  Scratch scratch;
  HeapBlocks blocks(&scratch);
  blocks.find_arenas(read_mappings(&scratch));
  EXPECT_EQ(blocks.mark(at).begin, at);
}

TEST(HeapBlocks, FindsMallocsOwnNotes) {
  if (!has_glibc_malloc) return;
  Search search;
  HeapBlocks::Block state = search.blocks.main_state();
  EXPECT_NE(state.begin, 0u);
  EXPECT_EQ(state.end - state.begin, 0x70u + 254 * 8);
}

TEST(HeapBlocks, OtherMemoryIsNoBlock) {
  Search search;
  static int variable;
  int local;
  EXPECT_EQ(search.blocks.mark(address(&variable)).begin, 0u);
  EXPECT_EQ(search.blocks.mark(address(&local)).begin, 0u);
  EXPECT_EQ(search.blocks.mark(0).begin, 0u);
  EXPECT_EQ(search.blocks.mark(~uintptr_t{0}).begin, 0u);
}

}  // namespace
}  // namespace sluice::runtime
