// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "sluice/heap/internal/stack_table.h"

namespace sluice::heap {

// Where an AllocScope's counts are: the hook adds to it from any thread.
struct ScopeCounts {
  const void* owner = nullptr;   // whose allocations; null: everybody's
  StackTable* stacks = nullptr;  // null: they are not wanted
  std::atomic<uint64_t> objects{0};
  std::atomic<uint64_t> bytes{0};
};

// The scopes that are open. Opening one makes every allocation of the process take the hook's long
// way; closing the last ends that.
void open_scope(ScopeCounts& scope);
// Returns when nobody adds to it any more.
void close_scope(ScopeCounts& scope);

// For the hook: of one allocation.
class ScopeVisitor {
 public:
  static bool any();
  // Calls visit(ScopeCounts&) for each open scope that `owner` counts for.
  template <class Visit>
  static void visit(const void* owner, Visit visit) {
    for (Slot& slot : slots) {
      if (slot.scope.load(std::memory_order_relaxed) == nullptr) continue;
      // Before the pointer is read for use; pairs with close_scope, which reads them the other way.
      slot.users.fetch_add(1, std::memory_order_seq_cst);
      ScopeCounts* scope = slot.scope.load(std::memory_order_seq_cst);
      if (scope != nullptr && (scope->owner == nullptr || scope->owner == owner)) visit(*scope);
      slot.users.fetch_sub(1, std::memory_order_release);
    }
  }

 private:
  friend void open_scope(ScopeCounts& scope);
  friend void close_scope(ScopeCounts& scope);
  struct Slot {
    std::atomic<ScopeCounts*> scope{nullptr};
    std::atomic<uint32_t> users{0};
  };
  static constexpr size_t slot_count = 16;
  static Slot slots[slot_count];
};

}  // namespace sluice::heap
