// SPDX-License-Identifier: Apache-2.0

// tidy: tested-by: sluice/runtime/leaks_test.cc

#include <algorithm>
#include <cstring>

#include "sluice/runtime/internal/cpu_signal.h"
#include "sluice/runtime/internal/interrupt.h"
#include "sluice/runtime/internal/m.h"
#include "sluice/runtime/internal/reach.h"
#include "sluice/runtime/internal/scheduler.h"

namespace sluice::runtime {

// What is left out of the mappings ----------------------------------------------------------------

void Reach::exclude(uintptr_t begin, uintptr_t end) {
  if (excluded_count_ == excluded_.size()) {
    failure_ = "there are too many parts of memory";
    return;
  }
  excluded_[excluded_count_++] = {begin, end};
}

// Of stacks, records and blocks only what is alive or reached is searched.
void Reach::exclude_known() {
  for (const char* slab : stack_pool->slabs()) {
    uintptr_t begin = reinterpret_cast<uintptr_t>(slab);
    exclude(begin, begin + StackPool::slab_bytes);
  }
  for (const G* slab : input_.record_slabs) {
    uintptr_t begin = reinterpret_cast<uintptr_t>(slab);
    exclude(begin, begin + input_.records_per_slab * sizeof(G));
  }
  for (const HeapBlocks::Arena& arena : heap_.arenas()) exclude(arena.heap, arena.end);
  if (HeapBlocks::Block state = heap_.main_state(); state.begin != 0)
    exclude(state.begin, state.end);
  // Copies of stacks as they once were, and rings of records: they own nothing.
  for (M* m = sched.all_ms.load(std::memory_order_relaxed); m != nullptr; m = m->all_next)
    if (uintptr_t answer = reinterpret_cast<uintptr_t>(m->answer.load(std::memory_order_relaxed))) {
      heap_.mark(answer);
      exclude(answer, answer + sizeof(Answer));
    }
  auto leave_out_rings = [this](const P* p) {
    for (const RunQueue* queue : {&p->queue, &p->spawned})
      heap_.mark(reinterpret_cast<uintptr_t>(queue->memory()));
  };
  for (int i = 0; i < sched.p_count; ++i) leave_out_rings(sched.ps[i]);
  for (const P* p : kept_ps()) {
    leave_out_rings(p);
    heap_.mark(reinterpret_cast<uintptr_t>(p));
  }
  StackBounds shots = cpu_shots();
  if (shots.high != 0) exclude(shots.low, shots.high);
  for (std::span<const std::span<char>> parts : {scratch_->parts(), input_.own})
    for (std::span<char> part : parts) {
      uintptr_t begin = reinterpret_cast<uintptr_t>(part.data());
      exclude(begin, begin + part.size());
    }
}

// How much below its stack pointer may be alive: a function that calls nobody may use so much. Not
// the functions of libc by which the scheduler enters the kernel, so a thread of ours in its own
// frames that is at a system call has none.
uintptr_t Reach::red_zone_of([[maybe_unused]] const ThreadRegisters& registers) {
#if defined(__x86_64__)
  constexpr unsigned char system_call[] = {0x0f, 0x05};
  for (M* m = sched.all_ms.load(std::memory_order_relaxed); m != nullptr; m = m->all_next)
    if (m->own_stack.hold(registers.sp, 1) && m->alive.load(std::memory_order_relaxed) &&
        std::memcmp(reinterpret_cast<const void*>(registers.pc - 2), system_call, 2) == 0)
      return 0;
#endif
  return red_zone_max;
}

// Where the live part of a thread's stack in [low, high) begins; `low` if that is not known.
uintptr_t Reach::live_end_of(uintptr_t low, uintptr_t high) const {
  StackBounds bounds{low, high};
  if (bounds.hold(input_.caller_sp, 1)) return input_.caller_sp;
  for (const StoppedThread& thread : input_.threads) {
    if (thread.state.load(std::memory_order_relaxed) != StoppedThread::stopped) continue;
    ThreadRegisters registers = registers_of(*thread.context);
    uintptr_t sp = registers.sp;
    if (!bounds.hold(sp, 1)) continue;
    uintptr_t begin = std::max(low, sp - red_zone_of(registers));
    return bounds.hold(thread.handler_frame, 1) ? std::min(begin, thread.handler_frame) : begin;
  }
  return low;
}

StackBounds Reach::alternate_stack(const StoppedThread& thread) {
  const stack_t& stack = thread.context->uc_stack;
  if ((stack.ss_flags & SS_DISABLE) != 0) return {};
  uintptr_t low = reinterpret_cast<uintptr_t>(stack.ss_sp);
  return {low, low + stack.ss_size};
}

// Below its stack pointer, a thread's stack holds what is no more. It is known to be a stack, and
// where it begins, for our own threads, the main thread and the calling one.
// One of ours that runs a goroutine, or waits for a P, and sysmon have in their own frames what the
// scheduler needs, and nothing of a program's.
void Reach::exclude_dead_stacks() {
  if (input_.caller_bounds.high != 0 && input_.caller_bounds.hold(input_.caller_sp, 1))
    exclude(input_.caller_bounds.low, input_.caller_sp);
  for (const StoppedThread& thread : input_.threads) {
    if (thread.state.load(std::memory_order_relaxed) != StoppedThread::stopped) continue;
    StackBounds other = alternate_stack(thread);
    if (other.low != other.high) exclude(other.low, other.high);
  }
  for (const Mapping& mapping : mappings_)
    if (mapping.kind == Mapping::Kind::main_stack)
      exclude(mapping.begin, live_end_of(mapping.begin, mapping.end));
  for (M* m = sched.all_ms.load(std::memory_order_relaxed); m != nullptr; m = m->all_next) {
    auto [low, high] = m->own_stack;
    if (!m->alive.load(std::memory_order_relaxed) || low == 0) continue;
    uintptr_t live = live_end_of(low, high);
    bool away = m->g != nullptr && live == low;  // no thread's sp is here
    exclude(low, away || is_idle(m) ? m->own_frame : live);
  }
  if (StackBounds frames = sysmon_frames(); frames.low < frames.high)
    exclude(frames.low, frames.high);
}

// Where it starts
// -----------------------------------------------------------------------------------

// It waits for a P, in its own context, and wakes nobody.
bool Reach::is_idle(const M* m) {
  return m->g == nullptr && m->p.load(std::memory_order_relaxed) == nullptr;
}
// Not while it has yet to leave a goroutine's stack: the registers are still that one's.
bool Reach::is_idle(int tid, uintptr_t sp) {
  for (M* m = sched.all_ms.load(std::memory_order_relaxed); m != nullptr; m = m->all_next)
    if (m->tid.load(std::memory_order_relaxed) == tid && m->alive.load(std::memory_order_relaxed))
      return is_idle(m) && m->own_stack.hold(sp, 1);
  return false;
}

// The part of a thread's own stack that is alive, from `begin` on.
void Reach::note_context(uintptr_t begin) {
  uintptr_t end = begin;
  // A stack may be several mappings in a row.
  for (const Mapping& mapping : mappings_)
    if (mapping.readable && mapping.begin <= end && end < mapping.end) end = mapping.end;
  for (M* m = sched.all_ms.load(std::memory_order_relaxed); m != nullptr; m = m->all_next)
    if (m->alive.load(std::memory_order_relaxed) && m->own_stack.hold(begin, 1))
      end = std::min(end, m->own_stack.high);
  contexts_[contexts_count_++] = {begin, end};
}

// The live part of the stack that `sp` is in: of a goroutine, also of an ended Runtime's; or, in
// malloc's memory, of another library's coroutine. Threads' own are among the mappings.
void Reach::search_stack(uintptr_t sp, uintptr_t red_zone) {
  bool in_guard = false;
  int64_t slot = stack_pool->slot_of(reinterpret_cast<void*>(sp), &in_guard);
  if (slot >= 0 && !in_guard) {
    StackBounds bounds = stack_pool->bounds(static_cast<uint32_t>(slot));
    if (!bounds.hold(sp, 1)) return;
    uint32_t& index = by_slot_[static_cast<size_t>(slot)];
    if (index != 0 && index != searched) take_goroutine(index - 1);
    index = searched;
    search_words(std::max(bounds.low, sp - red_zone), bounds.high, true);
    return;
  }
  HeapBlocks::Block block = heap_.find(sp);  // it may be marked, by a word that is no context
  if (block.begin != 0) search_words(block.begin, block.end, true);
}

// Registers and stacks. Vector registers lie behind the handler's frame, and are words like others:
// a record's address in one is left over from a copy of many, for who wakes has it in a register of
// the other kind. A thread's alternate stack has no more than that (no other handler runs), and
// before it registers of signals that are over.
void Reach::search_contexts() {
  for (const StoppedThread& thread : input_.threads) {
    if (thread.state.load(std::memory_order_relaxed) != StoppedThread::stopped) continue;
    ThreadRegisters registers = registers_of(*thread.context);
    uintptr_t sp = registers.sp;
    if (is_idle(thread.tid, sp) || sysmon_frames().hold(sp, 1)) continue;
    if (StackBounds other = alternate_stack(thread); other.hold(thread.handler_frame, 1))
      search_words(thread.handler_frame, other.high, false);
    const auto& saved = thread.context->uc_mcontext;
#if defined(__x86_64__)
    for (greg_t word : saved.gregs) take(static_cast<uintptr_t>(word), true);
#else
    for (uint64_t word : saved.regs) take(word, true);
#endif
    uintptr_t red_zone = red_zone_of(registers);
    note_context(sp - red_zone);
    search_stack(sp, red_zone);
  }
  note_context(input_.caller_sp);
  search_stack(input_.caller_sp, 0);
}

// Of an ended Runtime's goroutine that a thread still executes: its stack comes with the thread.
void Reach::search_closures_left_running() {
  for (G* slab : input_.record_slabs) {
    bool last = slab == input_.record_slabs.back();
    size_t count = last ? input_.records_in_last : input_.records_per_slab;
    for (G* g = slab; g != slab + count; ++g) {
      if (g->foreign || g->state.load(std::memory_order_relaxed) != GState::running) continue;
      uintptr_t closure = reinterpret_cast<uintptr_t>(g->inline_closure);
      search_words(closure, closure + closure_bytes(g), true);
    }
  }
  drain();
}

void Reach::search_live_goroutine(G* g, size_t record) {
  if (is_candidate(g, record)) return;  // what it holds comes with its stack, if that is reached
  uintptr_t closure = reinterpret_cast<uintptr_t>(g->inline_closure);
  search_words(closure, closure + closure_bytes(g), true);
  take(reinterpret_cast<uintptr_t>(g->eh_globals[0]), true);
  // Not where a thread is: its registers said which part is alive.
  StackBounds part = live_part(g);
  if (part.high != 0 && by_slot_[g->stack.slot] != searched)
    search_words(part.low, part.high, true);
}

void Reach::search_mappings() {
  for (const Mapping& mapping : mappings_) {
    // What is shared with other processes was copied when the world stood still. Code that nobody
    // can write holds no pointers to goroutines.
    if (!mapping.readable || mapping.shared || mapping.kind == Mapping::Kind::special) continue;
    if (mapping.executable && !mapping.writable) continue;
    search_mapping(mapping);
  }
}

void Reach::search_mapping(const Mapping& mapping) {
  uintptr_t at = mapping.begin;
  for (const Range& range : excluded_.first(excluded_count_)) {
    if (range.end <= at) continue;
    if (range.begin >= mapping.end) break;
    if (range.begin > at) search_pages(at, range.begin);
    at = std::max(at, range.end);
    if (at >= mapping.end) return;
  }
  search_pages(at, mapping.end);
}

}  // namespace sluice::runtime
