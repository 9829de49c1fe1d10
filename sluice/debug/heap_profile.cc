// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/heap_profile.h"

#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include "sluice/debug/internal/profile_builder.h"
#include "sluice/debug/internal/stack_lines.h"
#include "sluice/runtime/metrics.h"

namespace sluice::debug {

using heap::HeapProfile;
using heap::StackAllocations;
using internal::Frames;
using internal::StackLine;

namespace {

void append_counts(std::string& out, const StackAllocations& counts) {
  out += std::to_string(counts.inuse_objects) + ": " + std::to_string(counts.inuse_bytes) + " [" +
         std::to_string(counts.alloc_objects) + ": " + std::to_string(counts.alloc_bytes) + ']';
}

StackAllocations total_of(const HeapProfile& profile) {
  StackAllocations total;
  for (const StackAllocations& stack : profile.stacks) {
    total.alloc_objects += stack.alloc_objects;
    total.alloc_bytes += stack.alloc_bytes;
    total.inuse_objects += stack.inuse_objects;
    total.inuse_bytes += stack.inuse_bytes;
  }
  return total;
}

// The addresses of those lines that are shown.
std::span<const uintptr_t> shown(std::span<const uintptr_t> stack) {
  std::vector<StackLine> lines = internal::lines_of(stack, Frames::no_allocator);
  if (lines.empty()) return stack;
  auto first = std::ranges::find(stack, lines.front().address);
  return {first, stack.end()};
}

// 0: not known.
size_t resident_bytes() {
  std::unique_ptr<FILE, decltype(&std::fclose)> file(std::fopen("/proc/self/statm", "re"),
                                                     &std::fclose);
  unsigned long all = 0, resident = 0;
  if (file == nullptr || std::fscanf(file.get(), "%lu %lu", &all, &resident) != 2) return 0;
  return resident * static_cast<size_t>(::sysconf(_SC_PAGESIZE));
}

// Go's names where they mean the same.
std::string memory_text() {
  struct mallinfo2 malloc = ::mallinfo2();
  rusage usage = {};
  ::getrusage(RUSAGE_SELF, &usage);
  RuntimeMetrics metrics = runtime_metrics();
  struct Figure {
    const char* name;
    size_t value;
  };
  std::string out = "\n# runtime.MemStats\n";
  for (Figure figure :
       {Figure{"HeapAlloc", malloc.uordblks + malloc.hblkhd},
        Figure{"HeapSys", malloc.arena + malloc.hblkhd}, Figure{"HeapIdle", malloc.fordblks},
        Figure{"StacksInUse", metrics.stacks_in_use}, Figure{"StacksCached", metrics.stacks_cached},
        Figure{"RSS", resident_bytes()},
        Figure{"MaxRSS", static_cast<size_t>(usage.ru_maxrss) << 10}})
    out += "# " + std::string(figure.name) + " = " + std::to_string(figure.value) + '\n';
  return out;
}

}  // namespace

std::string heap_profile(const HeapProfile& profile, HeapFocus focus) {
  using Builder = internal::ProfileBuilder;
  constexpr Builder::ValueType types[] = {{"alloc_objects", "count"},
                                          {"alloc_space", "bytes"},
                                          {"inuse_objects", "count"},
                                          {"inuse_space", "bytes"}};
  Builder builder(types, Frames::no_allocator);
  builder.set_period({"space", "bytes"}, static_cast<int64_t>(profile.sample_rate));
  builder.set_default_type(focus == HeapFocus::inuse ? "inuse_space" : "alloc_space");
  for (const StackAllocations& stack : profile.stacks) {
    const int64_t values[] = {stack.alloc_objects, stack.alloc_bytes, stack.inuse_objects,
                              stack.inuse_bytes};
    builder.add(profile.frames(stack), values, {});
  }
  return builder.finish();
}

std::string heap_text(const HeapProfile& profile) {
  std::string memory = memory_text();  // without what the rest takes
  StackAllocations total = total_of(profile);
  // As in Go: pprof takes a profile in which both are equal for one of another kind.
  if (total.alloc_bytes == total.inuse_bytes) ++total.alloc_bytes;
  std::string out = "heap profile: ";
  append_counts(out, total);
  out += " @ heapprofile\n";
  for (const StackAllocations& stack : profile.stacks) {
    append_counts(out, stack);
    internal::append_addresses(out, shown(profile.frames(stack)));
    internal::append_lines(out, profile.frames(stack), Frames::no_allocator);
  }
  return out + memory;
}

}  // namespace sluice::debug
