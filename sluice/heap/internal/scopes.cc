// SPDX-License-Identifier: Apache-2.0

#include "sluice/heap/internal/scopes.h"

#include <sched.h>

#include <mutex>

#include "sluice/base/assert.h"
#include "sluice/heap/internal/hook.h"
#include "sluice/runtime/spin_lock.h"

namespace sluice::heap {

namespace {

// Of opening and closing only; the hook takes no lock.
constinit runtime::RawSpinLock lock;
constinit std::atomic<size_t> open_count{0};

}  // namespace

constinit ScopeVisitor::Slot ScopeVisitor::slots[slot_count];

bool ScopeVisitor::any() { return open_count.load(std::memory_order_relaxed) != 0; }

void open_scope(ScopeCounts& scope) {
  link_operators();
  std::lock_guard guard(lock);
  for (ScopeVisitor::Slot& slot : ScopeVisitor::slots) {
    if (slot.scope.load(std::memory_order_relaxed) != nullptr) continue;
    slot.scope.store(&scope, std::memory_order_seq_cst);
    open_count.fetch_add(1, std::memory_order_relaxed);
    left_min.store(INT64_MAX, std::memory_order_relaxed);
    return;
  }
  fatal("too many AllocScopes at once: there may be 16");
}

void close_scope(ScopeCounts& scope) {
  std::lock_guard guard(lock);
  for (ScopeVisitor::Slot& slot : ScopeVisitor::slots) {
    if (slot.scope.load(std::memory_order_relaxed) != &scope) continue;
    slot.scope.store(nullptr, std::memory_order_seq_cst);
    while (slot.users.load(std::memory_order_seq_cst) != 0) ::sched_yield();
    if (open_count.fetch_sub(1, std::memory_order_relaxed) == 1)
      left_min.store(0, std::memory_order_relaxed);
    return;
  }
}

}  // namespace sluice::heap
