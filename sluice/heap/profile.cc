// SPDX-License-Identifier: Apache-2.0

#include "sluice/heap/profile.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <map>

#include "sluice/base/assert.h"
#include "sluice/heap/internal/append.h"
#include "sluice/heap/internal/hook.h"

namespace sluice::heap {

namespace {

constexpr uint64_t sample_rate_max = uint64_t{1} << 40;

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

// Before main: so that nearly all of the program is sampled alike.
[[maybe_unused]] const bool configured = [] {
  const char* text = std::getenv("SLUICE_MEMPROFILERATE");
  if (text == nullptr || *text == 0) return false;
  uint64_t bytes = 0;
  const char* end = text + std::strlen(text);
  auto [stop, error] = std::from_chars(text, end, bytes);
  if (error != std::errc() || stop != end || bytes > sample_rate_max)
    fatal(
        "SLUICE_MEMPROFILERATE: must be a number of bytes: 0 (no samples), 1 (all) to "
        "1099511627776");
  set_sample_rate(bytes);
  return true;
}();

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
  SLUICE_ASSERT(bytes <= sample_rate_max, "a sample rate of more than a terabyte");
  sample_rate.store(bytes, std::memory_order_relaxed);
  restart_gap();
}

bool is_profiled() {
  link_operators();
  return is_hooked();
}

}  // namespace sluice::heap
