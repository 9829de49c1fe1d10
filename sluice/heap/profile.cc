// SPDX-License-Identifier: Apache-2.0

#include "sluice/heap/profile.h"

#include <algorithm>
#include <map>

#include "sluice/heap/internal/append.h"
#include "sluice/heap/internal/hook.h"

namespace sluice::heap {

namespace {

int64_t objects(uint64_t units) {
  return static_cast<int64_t>((units + Weight::one_object / 2) / Weight::one_object);
}

void sort(HeapProfile& profile) {
  std::ranges::sort(profile.stacks, [](const StackAllocations& a, const StackAllocations& b) {
    return a.inuse_bytes != b.inuse_bytes ? a.inuse_bytes > b.inuse_bytes
                                          : a.alloc_bytes > b.alloc_bytes;
  });
}

// What was freed is read first: it is never more than what was allocated.
StackAllocations read(const StackRecord& record) {
  uint64_t freed_bytes = record.freed_bytes.load(std::memory_order_acquire);
  uint64_t freed_objects = record.freed_objects.load(std::memory_order_acquire);
  uint64_t bytes = record.bytes.load(std::memory_order_relaxed);
  uint64_t units = record.objects.load(std::memory_order_relaxed);
  return {.alloc_objects = objects(units),
          .alloc_bytes = static_cast<int64_t>(bytes),
          .inuse_objects = objects(units - freed_objects),
          .inuse_bytes = static_cast<int64_t>(bytes - freed_bytes)};
}

}  // namespace

HeapProfile capture_heap_profile() {
  link_operators();
  Unseen unseen;
  HeapProfile profile;
  profile.sample_rate = sample_rate.load(std::memory_order_relaxed);
  sampled_stacks.for_each(
      [&](const StackRecord& record) { append(profile, read(record), record.frames()); });
  sort(profile);
  return profile;
}

HeapProfile difference(const HeapProfile& later, const HeapProfile& earlier) {
  auto key = [](const HeapProfile& profile, const StackAllocations& stack) {
    std::span<const uintptr_t> frames = profile.frames(stack);
    return std::vector<uintptr_t>(frames.begin(), frames.end());
  };
  std::map<std::vector<uintptr_t>, StackAllocations> before;
  for (const StackAllocations& stack : earlier.stacks) before[key(earlier, stack)] = stack;
  HeapProfile changes;
  changes.sample_rate = later.sample_rate;
  for (StackAllocations stack : later.stacks) {
    const StackAllocations& old = before[key(later, stack)];
    stack.alloc_objects -= old.alloc_objects;
    stack.alloc_bytes -= old.alloc_bytes;
    stack.inuse_objects -= old.inuse_objects;
    stack.inuse_bytes -= old.inuse_bytes;
    if (stack.alloc_bytes != 0 || stack.inuse_bytes != 0)
      append(changes, stack, later.frames(stack));
  }
  sort(changes);
  return changes;
}

void set_sample_rate(uint64_t bytes) {
  sample_rate.store(bytes, std::memory_order_relaxed);
  restart_gap();
}

bool is_profiled() {
  link_operators();
  return is_hooked();
}

}  // namespace sluice::heap
