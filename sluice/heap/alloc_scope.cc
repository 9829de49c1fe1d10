// SPDX-License-Identifier: Apache-2.0

#include "sluice/heap/alloc_scope.h"

#include <algorithm>
#include <functional>

#include "sluice/heap/internal/append.h"
#include "sluice/heap/internal/hook.h"
#include "sluice/heap/internal/scopes.h"
#include "sluice/runtime/own_stack.h"

namespace sluice::heap {

namespace {

constexpr size_t table_bytes = size_t{16} << 20;  // of address space: some 60,000 stacks

}  // namespace

struct AllocScope::State {
  StackTable stacks{table_bytes};
  ScopeCounts counts;
};

AllocScope::AllocScope(Of of, Keep keep) : state_(std::make_unique<State>()) {
  if (of == Of::caller) state_->counts.owner = runtime::own_context();
  if (keep == Keep::stacks) state_->counts.stacks = &state_->stacks;
  open_scope(state_->counts);
}

AllocScope::~AllocScope() {
  close_scope(state_->counts);
  state_->stacks.release();
}

uint64_t AllocScope::objects() const {
  return state_->counts.objects.load(std::memory_order_relaxed);
}

uint64_t AllocScope::bytes() const { return state_->counts.bytes.load(std::memory_order_relaxed); }

HeapProfile AllocScope::stacks() const {
  Unseen unseen;
  HeapProfile profile;
  profile.sample_rate = 1;
  state_->stacks.for_each([&](const StackRecord& record) {
    append(profile,
           {.alloc_objects = static_cast<int64_t>(record.objects.load(std::memory_order_relaxed)),
            .alloc_bytes = static_cast<int64_t>(record.bytes.load(std::memory_order_relaxed))},
           record.frames());
  });
  std::ranges::sort(profile.stacks, std::greater(), &StackAllocations::alloc_objects);
  return profile;
}

}  // namespace sluice::heap
