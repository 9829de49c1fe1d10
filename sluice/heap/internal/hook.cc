// SPDX-License-Identifier: Apache-2.0

#include "sluice/heap/internal/hook.h"

#include <time.h>

#include <algorithm>
#include <cstdlib>

#include "sluice/heap/internal/live_table.h"
#include "sluice/heap/internal/sanitized.h"
#include "sluice/heap/internal/scopes.h"
#include "sluice/heap/profile.h"
#include "sluice/runtime/own_stack.h"

namespace sluice::heap {

constinit thread_local ThreadState thread_state;
constinit std::atomic<int64_t> left_min{0};
constinit StackTable sampled_stacks(size_t{32} << 20);
// The sanitizers call the hook from within libc, too; there a program asks for samples if it wants
// any.
constinit std::atomic<uint64_t> sample_rate{sanitized ? 0 : sample_rate_default};

namespace {

constinit LiveTable live;
constinit std::atomic<bool> hooked{false};

constexpr size_t frames_max = 64;
// Without samples, how often a thread looks whether there are to be some again.
constexpr int64_t idle_gap = int64_t{16} << 20;

void seed(Random& random) {
  timespec time;
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  random.state = reinterpret_cast<uintptr_t>(&random) * 0x9e3779b97f4a7c15 ^
                 (static_cast<uint64_t>(time.tv_nsec) << 20 | 1);
  for (int i = 0; i < 4; ++i) random.next();
}

void begin_gap(ThreadState& state) {
  if (state.random.state == 0) seed(state.random);
  state.rate = sample_rate.load(std::memory_order_relaxed);
  state.left = state.rate == 0 ? idle_gap : draw_gap(state.random, state.rate);
}

// The rate by which an allocation of `size` is sampled; 0: it is not.
uint64_t next_sample(ThreadState& state, size_t size) {
  if (size > PTRDIFF_MAX) return 0;
  if (state.rate == 0 && state.left <= 0) begin_gap(state);
  state.left -= static_cast<int64_t>(size);
  if (state.left >= 0 && state.rate != 1) return 0;
  uint64_t rate = state.rate;
  begin_gap(state);
  return rate;
}

void* plain(size_t size, size_t align) {
  if (align == 0) return std::malloc(size);
  align = std::max(align, sizeof(void*));
  if (size > PTRDIFF_MAX - align) return nullptr;
  return std::aligned_alloc(align, (size + align - 1) & ~(align - 1));
}

// What passes() took off, back.
void undo_pass(size_t size) {
  thread_state.left = static_cast<int64_t>(static_cast<uint64_t>(thread_state.left) + size);
}

// The caller's stack, walked when it is first wanted.
class Stack {
 public:
  std::span<const uintptr_t> frames() {
    if (count_ == 0) count_ = runtime::capture_own_stack(frames_);
    return {frames_, count_};
  }

 private:
  uintptr_t frames_[frames_max];
  size_t count_ = 0;
};

void free_entry(const LiveTable::Entry& entry) {
  entry.record->freed_objects.fetch_add(entry.weight.objects, std::memory_order_relaxed);
  entry.record->freed_bytes.fetch_add(entry.weight.bytes, std::memory_order_release);
}

void add_sample(uintptr_t address, size_t size, uint64_t rate, Stack& stack) {
  LiveTable::Entry entry{&sampled_stacks.find(stack.frames()), weight_of(size, rate)};
  entry.record->objects.fetch_add(entry.weight.objects, std::memory_order_relaxed);
  entry.record->bytes.fetch_add(entry.weight.bytes, std::memory_order_relaxed);
  // An earlier one at this address was freed by somebody who does not call the hook.
  if (auto stale = live.take(address)) free_entry(*stale);
  if (!live.put(address, entry)) free_entry(entry);
}

[[gnu::noinline]] void note(const void* memory, size_t size, uint64_t rate) {
  Stack stack;
  if (rate != 0) add_sample(reinterpret_cast<uintptr_t>(memory), size, rate, stack);
  if (!ScopeVisitor::any()) return;
  ScopeVisitor::visit(runtime::own_context(), [&](ScopeCounts& scope) {
    scope.objects.fetch_add(1, std::memory_order_relaxed);
    scope.bytes.fetch_add(size, std::memory_order_relaxed);
    if (scope.stacks == nullptr) return;
    StackRecord& record = scope.stacks->find(stack.frames());
    record.objects.fetch_add(1, std::memory_order_relaxed);
    record.bytes.fetch_add(size, std::memory_order_relaxed);
  });
}

}  // namespace

[[gnu::noinline]] void* allocate_noted(size_t size, size_t align) noexcept {
  undo_pass(size);
  ThreadState& state = thread_state;
  if (state.inside) return plain(size, align);
  hooked.store(true, std::memory_order_relaxed);
  uint64_t rate = next_sample(state, size);
  if (rate == 0 && !ScopeVisitor::any()) return plain(size, align);
  state.inside = true;
  void* memory = rate == 0 ? plain(size, align) : plain(size, std::max(align, sample_align));
  if (memory != nullptr) note(memory, size, rate);
  state.inside = false;
  return memory;
}

[[gnu::noinline]] void note_allocation(const void* memory, size_t size) noexcept {
  undo_pass(size);
  ThreadState& state = thread_state;
  if (state.inside) return;
  hooked.store(true, std::memory_order_relaxed);
  uint64_t rate = next_sample(state, size);
  if (rate == 0 && !ScopeVisitor::any()) return;
  state.inside = true;
  note(memory, size, rate);
  state.inside = false;
}

[[gnu::noinline]] void note_free(void* memory) noexcept {
  if (memory == nullptr) return;
  if (auto entry = live.take(reinterpret_cast<uintptr_t>(memory))) free_entry(*entry);
}

void restart_gap() {
  thread_state.rate = 0;
  thread_state.left = 0;
}

bool is_hooked() { return hooked.load(std::memory_order_relaxed); }

}  // namespace sluice::heap
