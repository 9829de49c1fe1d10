// SPDX-License-Identifier: Apache-2.0

#include "sluice/sync/internal/map_table.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>

#include "sluice/base/assert.h"

namespace sluice::sync::internal {

namespace {
constexpr size_t line_bytes = 64;
constexpr size_t huge_page_bytes = size_t(2) << 20;
}  // namespace

MapTable MapTable::make(uint32_t log2, size_t tail, size_t slot_bytes) {
  size_t bytes = ((size_t(1) << log2) + tail + 1) * slot_bytes;
  // Random probes into a large table miss the TLB each time, unless its pages are huge; but the few
  // slots of the tail are not worth one.
  size_t huge = bytes / huge_page_bytes * huge_page_bytes;
  size_t alignment = huge != 0 ? huge_page_bytes : line_bytes;
  void* memory = std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (memory == nullptr) fatal("sync: no memory for a Map's table");
  if (huge != 0) ::madvise(memory, huge, MADV_HUGEPAGE);  // advice: may fail
  std::memset(memory, 0, bytes);
  return MapTable(reinterpret_cast<uintptr_t>(memory) | log2);
}

void MapTable::free(void* slots) { std::free(slots); }

}  // namespace sluice::sync::internal
