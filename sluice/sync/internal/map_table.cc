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
  // Random probes into a large table miss the TLB each time, unless its pages are huge.
  bool huge = bytes >= huge_page_bytes;
  size_t alignment = huge ? huge_page_bytes : line_bytes;
  bytes = (bytes + alignment - 1) / alignment * alignment;
  void* memory = std::aligned_alloc(alignment, bytes);
  if (memory == nullptr) fatal("sync: no memory for a Map's table");
  if (huge) ::madvise(memory, bytes, MADV_HUGEPAGE);  // advice: may fail
  std::memset(memory, 0, bytes);
  return MapTable(reinterpret_cast<uintptr_t>(memory) | log2);
}

void MapTable::free(void* slots) { std::free(slots); }

}  // namespace sluice::sync::internal
