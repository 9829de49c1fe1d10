// SPDX-License-Identifier: Apache-2.0

// Goroutine records and stacks: caches of each P over process-wide pools.

#include "sluice/runtime/internal/pools.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <new>
#include <string>
#include <vector>

#include "sluice/runtime/internal/sanitizer.h"
#include "sluice/runtime/internal/scheduler.h"
#include "sluice/runtime/internal/stack_pool.h"

namespace sluice::runtime {

namespace {

constexpr uint32_t g_batch = 64;
constexpr size_t g_slab_bytes = size_t{16} << 20;
constexpr uint32_t g_slab_count = g_slab_bytes / sizeof(G);

// All records that exist. Type-stable: records are recycled, never unmapped.
struct GPool {
  RawSpinLock lock;
  std::vector<G*> free;
  GList free_foreign;     // stand-ins of threads that ended; they have no stack
  std::vector<G*> slabs;  // the last one is being carved
  uint32_t slab_used = g_slab_count;
  size_t paired = 0;  // records that have a carved stack in stack_pool
  Error failure{Code::unknown, ""};
};
GPool& pool() {
  static GPool* instance = new GPool;
  return *instance;
}

Result<G*> new_record(GPool& pool) {
  if (pool.slab_used == g_slab_count) {
    void* slab = ::mmap(nullptr, g_slab_bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (slab == MAP_FAILED)
      return wrap(errno_error(errno, "mmap"), "goroutine records: no address space");
    sanitizer::root_region(slab, g_slab_bytes);
    pool.slabs.push_back(static_cast<G*>(slab));
    pool.slab_used = 0;
  }
  return ::new (&pool.slabs.back()[pool.slab_used++]) G;
}

// Every record in circulation has a stack, so that a spawned goroutine can always be started: what
// can fail, fails here, in go().
Result<void> add_records(GPool& pool) {
  if (pool.paired + g_batch > sched.options.goroutines_max)
    return Error(Code::resource_exhausted,
                 "go: the limit of " + std::to_string(sched.options.goroutines_max) +
                     " goroutines is reached (RuntimeOptions::goroutines_max)");
  if (Result<void> carved = stack_pool->carve(g_batch); !carved.has_value())
    return wrap(carved.error(), "go");
  for (uint32_t i = 0; i < g_batch; ++i) {
    pool.free.push_back(SLUICE_TRY(new_record(pool)));
    ++pool.paired;  // one by one: those made before a failure are in circulation
  }
  return {};
}

uint32_t take_records(G** out, uint32_t count) {
  GPool& records = pool();
  std::lock_guard lock(records.lock);
  if (records.free.empty()) {
    Result<void> added = add_records(records);
    if (records.free.empty()) {
      records.failure = added.error();
      return 0;
    }
  }
  uint32_t n = std::min(count, static_cast<uint32_t>(records.free.size()));
  std::copy(records.free.end() - n, records.free.end(), out);
  records.free.resize(records.free.size() - n);
  return n;
}

}  // namespace

Error last_spawn_error() {
  std::lock_guard lock(pool().lock);
  return pool().failure;
}
void set_spawn_error(Error error) {
  std::lock_guard lock(pool().lock);
  pool().failure = std::move(error);
}

// A new Runtime may have another stack geometry: its records must be paired with new stacks.
// Records of abandoned goroutines never come back, so the free ones are all there are.
Result<void> pair_records_with_stacks(uint32_t extra_stacks) {
  GPool& records = pool();
  std::lock_guard lock(records.lock);
  uint32_t have = stack_pool->carved();
  uint32_t need = static_cast<uint32_t>(records.paired) + extra_stacks;
  if (have < need) SLUICE_TRY(stack_pool->carve(need - have));
  return {};
}

void visit_records(void (*visit)(G* g, void* context), void* context) {
  GPool& records = pool();
  for (size_t i = 0;; ++i) {
    G* slab;
    uint32_t count;
    {
      std::lock_guard lock(records.lock);
      if (i >= records.slabs.size()) return;
      slab = records.slabs[i];
      count = slab == records.slabs.back() ? records.slab_used : g_slab_count;
    }
    for (uint32_t j = 0; j < count; ++j) visit(&slab[j], context);
  }
}

RecordsHeld::RecordsHeld() { pool().lock.lock(); }
RecordsHeld::~RecordsHeld() { pool().lock.unlock(); }
std::span<G* const> RecordsHeld::slabs() const { return pool().slabs; }
size_t RecordsHeld::per_slab() const { return g_slab_count; }
size_t RecordsHeld::in_last() const { return pool().slab_used; }

bool refill_gs(P* p) {
  p->free_g_count = take_records(p->free_gs, g_batch);
  return p->free_g_count != 0;
}

// The coldest half goes.
void spill_gs(P* p) {
  constexpr uint32_t half = P::g_cache_max / 2;
  GPool& records = pool();
  std::lock_guard lock(records.lock);
  records.free.insert(records.free.end(), p->free_gs, p->free_gs + half);
  std::copy(p->free_gs + half, p->free_gs + P::g_cache_max, p->free_gs);
  p->free_g_count = half;
}

G* alloc_g_elsewhere() {
  G* g = nullptr;
  if (take_records(&g, 1) == 0) return nullptr;
  reset(g);
  return g;
}

void free_g_elsewhere(G* g) {
  g->state.store(GState::free, std::memory_order_relaxed);
  GPool& records = pool();
  std::lock_guard lock(records.lock);
  if (g->foreign)
    records.free_foreign.push(g);
  else
    records.free.push_back(g);
}

G* new_foreign_g() {
  GPool& records = pool();
  std::lock_guard lock(records.lock);
  G* g = records.free_foreign.pop();
  if (g == nullptr) {
    Result<G*> record = new_record(records);
    if (!record.has_value()) fatal("goroutine records: no address space");
    g = *record;
    g->foreign = true;
  }
  reset(g);
  g->created_by_id = static_cast<uint64_t>(::syscall(SYS_gettid));  // whose stand-in it is
  g->state.store(GState::running, std::memory_order_relaxed);
  return g;
}

void refill_stacks(P* p) {
  p->free_stack_count = stack_pool->take(p->free_stacks, P::stack_cache_max / 4);
  SLUICE_ASSERT(p->free_stack_count != 0, "every goroutine record is paired with a stack");
}

// The coldest half goes.
void spill_stacks(P* p) {
  constexpr uint32_t half = P::stack_cache_max / 2;
  stack_pool->give(p->free_stacks, half);
  std::memmove(p->free_stacks, p->free_stacks + half, half * sizeof(Stack));
  p->free_stack_count = half;
}

void give_back_cached_stacks() {
  for (int i = 0; i < sched.p_count; ++i) {
    P* p = sched.ps[i];
    std::lock_guard lock(p->remote);
    M* owner;
    if (!bar(p, &owner)) continue;
    stack_pool->give_warm(p->free_stacks, p->free_stack_count);
    p->free_stack_count = 0;
    unbar(owner);
  }
}

void drain_caches(P* p) {
  while (p->free_g_count != 0) free_g_elsewhere(p->free_gs[--p->free_g_count]);
  stack_pool->give(p->free_stacks, p->free_stack_count);
  p->free_stack_count = 0;
}

}  // namespace sluice::runtime
