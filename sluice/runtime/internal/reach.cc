// SPDX-License-Identifier: Apache-2.0

// tidy: tested-by: sluice/runtime/leaks_test.cc

#include "sluice/runtime/internal/reach.h"

#include <algorithm>

#include "sluice/runtime/internal/interrupt.h"
#include "sluice/runtime/internal/m.h"
#include "sluice/runtime/internal/scheduler.h"

namespace sluice::runtime {

namespace {

constexpr size_t buffer_bytes = 256 << 10;
constexpr uintptr_t address_bits = (uintptr_t{1} << 48) - 1;  // above them programs keep tags

// With these the wake-up comes by way of a node on the waiter's own stack: a channel's, a lock's or
// a condition's queue leads to it, a timer, or a context's list. Descriptors, block_on() and
// writers' queues keep the G itself, and sleepers always wake: those count as alive.
bool waits_on_its_stack(WaitReason reason) {
  switch (reason) {
    case WaitReason::chan_receive:
    case WaitReason::chan_receive_nil:
    case WaitReason::chan_send:
    case WaitReason::chan_send_nil:
    case WaitReason::select:
    case WaitReason::select_no_cases:
    case WaitReason::mutex:
    case WaitReason::rw_mutex_read:
    case WaitReason::rw_mutex_write:
    case WaitReason::wait_group:
    case WaitReason::cond:
    case WaitReason::semaphore:
      return true;
    default:
      return false;
  }
}

bool is_settled(const G* g) {
  GState state = g->state.load(std::memory_order_relaxed);
  return (state == GState::waiting || state == GState::runnable) &&
         g->on_cpu.load(std::memory_order_relaxed) == 0;
}

}  // namespace

bool never_wakes(WaitReason reason) {
  return reason == WaitReason::chan_receive_nil || reason == WaitReason::chan_send_nil ||
         reason == WaitReason::select_no_cases;
}

StackBounds Reach::live_part(const G* g) {
  if (g->stack.top == nullptr) return {};
  StackBounds bounds = stack_pool->bounds(g->stack.slot);
  uintptr_t sp = reinterpret_cast<uintptr_t>(g->sp);
  if (is_settled(g) && bounds.hold(sp, 1)) bounds.low = sp;
  return bounds;
}

// Of what lies beside the record; behind it are those of goroutines before.
size_t Reach::closure_bytes(const G* g) { return fits_inline(*g->type) ? g->type->size : 0; }

// Who is in a run queue will run, whatever its state says: who is woken while it has yet to park
// (section.h) writes that state last.
void Reach::note_queued(const G* g) {
  int64_t record = g == nullptr ? -1 : record_of(reinterpret_cast<uintptr_t>(g));
  if (record < 0) return;
  size_t i = static_cast<size_t>(record);
  queued_[i / 64] |= uint64_t{1} << i % 64;
}

void Reach::note_queued() {
  auto note = [this](const G* g) { note_queued(g); };
  for (int i = 0; i < sched.p_count; ++i) {
    const P* p = sched.ps[i];
    note_queued(p->runnext);
    p->queue.visit_still(note);
    p->spawned.visit_still(note);
  }
  for (M* m = sched.all_ms.load(std::memory_order_relaxed); m != nullptr; m = m->all_next)
    note_queued(m->next_hint);
  // Somebody may be about to change it: one more than there are.
  const G* g = sched.global.head;
  for (uint32_t i = 0; g != nullptr && i <= sched.global.count; ++i, g = g->next) note_queued(g);
  note_queued(sched.global.tail);
}

// permit 2: somebody wakes it, and is about to queue it.
bool Reach::is_candidate(const G* g, size_t record) const {
  return !is_queued(record) && g->state.load(std::memory_order_relaxed) == GState::waiting &&
         is_settled(g) && waits_on_its_stack(g->wait_reason.load(std::memory_order_relaxed)) &&
         g->permit.load(std::memory_order_relaxed) != 2 && g->stack.top != nullptr;
}

bool Reach::make_tables() {
  mappings_ = read_mappings(scratch_);
  size_t records = input_.record_slabs.size() * input_.records_per_slab;
  by_record_ = scratch_->array<uint32_t>(records);
  by_slot_ = scratch_->array<uint32_t>(stack_pool->carved());
  queued_ = scratch_->array<uint64_t>(records / 64 + 1);
  parked_ = scratch_->array<Parked>(stack_pool->carved());
  excluded_ = scratch_->array<Range>(excluded_max);
  contexts_ = scratch_->array<Range>(input_.threads.size() + 1);
  pending_ = scratch_->array<Range>(pending_max);
  buffer_ = scratch_->array<char>(buffer_bytes);
  return !mappings_.empty() && !by_record_.empty() && !by_slot_.empty() && !queued_.empty() &&
         !parked_.empty() && !excluded_.empty() && !contexts_.empty() && !pending_.empty() &&
         !buffer_.empty();
}

const char* Reach::search() {
  if (!make_tables()) return "the memory map cannot be read, or there is no room for it";
  if (!reader_.ok() || !heap_.can_read()) return "/proc/self/mem cannot be opened";
  note_queued();
  visit_goroutines([this](G* g, size_t record) { note_candidate(g, record); });
  if (input_.tell_blocks_apart) heap_.find_arenas(mappings_);
  exclude_known();
  exclude_dead_stacks();
  std::sort(excluded_.begin(), excluded_.begin() + static_cast<ptrdiff_t>(excluded_count_),
            [](const Range& a, const Range& b) { return a.begin < b.begin; });
  if (failure_ != nullptr) return failure_;
  for (uintptr_t word : input_.words) take(word, true);
  search_contexts();
  visit_goroutines([this](G* g, size_t record) {
    search_live_goroutine(g, record);
    drain();
  });
  search_closures_left_running();
  drain();
  search_mappings();
  return failure_;
}

void Reach::note_candidate(G* g, size_t record) {
  if (!is_candidate(g, record)) return;
  StackBounds part = live_part(g);
  uintptr_t top = reinterpret_cast<uintptr_t>(g->stack.top);
  if (part.high == 0 || parked_count_ == parked_.size()) return;
  parked_[parked_count_++] = {part.low, top, g, false};
  by_record_[record] = by_slot_[g->stack.slot] = static_cast<uint32_t>(parked_count_);
}

size_t Reach::unreached(std::span<uint64_t> out) const {
  size_t count = 0;
  for (const Parked& parked : parked_.first(parked_count_)) {
    if (parked.reached && !never_wakes(parked.g->wait_reason.load(std::memory_order_relaxed)))
      continue;
    if (count < out.size()) out[count] = parked.g->id;
    ++count;
  }
  return count;
}

// The number of the record that `address` is in; -1: none.
int64_t Reach::record_of(uintptr_t address) const {
  size_t before = 0;
  for (const G* slab : input_.record_slabs) {
    uintptr_t offset = address - reinterpret_cast<uintptr_t>(slab);
    if (offset < input_.records_per_slab * sizeof(G))
      return static_cast<int64_t>(before + offset / sizeof(G));
    before += input_.records_per_slab;
  }
  return -1;
}

// A word that may be a pointer. Into a stack's live part or a closure it leads to the goroutine,
// into a block to what is in that. A pointer to the record itself is a wake-up on its way, where
// something executes; elsewhere the scheduler keeps records for other ends.
void Reach::take(uintptr_t word, bool context) {
  word &= address_bits;
  if (heap_.holds(word)) {
    take_block(word);
    take_block(word - 16);
    return;
  }
  bool in_guard = false;
  int64_t slot = stack_pool->slot_of(reinterpret_cast<void*>(word), &in_guard);
  if (slot >= 0) {
    if (static_cast<size_t>(slot) >= by_slot_.size()) return;
    uint32_t index = by_slot_[static_cast<size_t>(slot)];
    if (index == 0 || index == searched) return;
    const Parked& parked = parked_[index - 1];
    if (word >= parked.low && word < parked.high) take_goroutine(index - 1);
    return;
  }
  int64_t record = record_of(word);
  if (record < 0) return;
  uint32_t index = by_record_[static_cast<size_t>(record)];
  if (index == 0) return;
  uintptr_t offset = word - reinterpret_cast<uintptr_t>(parked_[index - 1].g);
  size_t closure = offsetof(G, inline_closure);
  // In code that runs also a place in the record: compilers keep the address of what they use.
  if (context || (offset >= closure && offset <= closure + G::inline_closure_bytes))
    take_goroutine(index - 1);
}

void Reach::take_block(uintptr_t address) {
  HeapBlocks::Block block = heap_.mark(address);
  if (block.begin != 0) push(block.begin, block.end);
}

void Reach::take_goroutine(uint32_t index) {
  Parked& parked = parked_[index];
  if (std::exchange(parked.reached, true)) return;
  visit_parts(parked, [this](uintptr_t begin, uintptr_t end) { push(begin, end); });
}

// Its stack, and what of its record is the program's.
template <class Each>
void Reach::visit_parts(const Parked& parked, Each each) const {
  each(parked.low, parked.high);
  uintptr_t closure = reinterpret_cast<uintptr_t>(parked.g->inline_closure);
  each(closure, closure + closure_bytes(parked.g));
  uintptr_t exceptions = reinterpret_cast<uintptr_t>(parked.g->eh_globals);
  each(exceptions, exceptions + sizeof parked.g->eh_globals);
}

void Reach::push(uintptr_t begin, uintptr_t end) {
  if (pending_count_ == pending_.size())
    overflowed_ = true;
  else
    pending_[pending_count_++] = {begin, end};
}

// Until nothing more is reached. What there was no room to note is found by its mark; it is
// searched at once, so that only what is new is noted, and this comes to an end.
void Reach::drain() {
  for (;;) {
    while (pending_count_ != 0) {
      Range range = pending_[--pending_count_];
      search_words(range.begin, range.end, false);
    }
    if (!std::exchange(overflowed_, false)) return;
    auto search_now = [this](uintptr_t begin, uintptr_t end) { search_words(begin, end, false); };
    heap_.visit_marked([&](HeapBlocks::Block block) { search_now(block.begin, block.end); });
    for (const Parked& parked : parked_.first(parked_count_))
      if (parked.reached) visit_parts(parked, search_now);
  }
}

void Reach::search_words(uintptr_t begin, uintptr_t end, bool context) {
  constexpr uintptr_t word_bytes = sizeof(uintptr_t);
  begin = (begin + word_bytes - 1) & ~(word_bytes - 1);
  end &= ~(word_bytes - 1);
  if (begin >= end) return;
  bytes_read_ += end - begin;
  for (uintptr_t at = begin; at < end; at += word_bytes)
    take(*reinterpret_cast<const uintptr_t*>(at), context);
}

void Reach::search_pages(uintptr_t begin, uintptr_t end) {
  uintptr_t buffer = reinterpret_cast<uintptr_t>(buffer_.data());
  while (begin < end) {
    PagesInUse::Run run = pages_.next(begin, end);
    for (uintptr_t at = run.begin; at < run.end;) {
      size_t n = reader_.read(at, buffer_.first(std::min<size_t>(buffer_.size(), run.end - at)));
      search_words(buffer, buffer + n, false);
      for (const Range& each : contexts_.first(contexts_count_))
        if (each.begin < at + n && each.end > at)
          search_words(buffer + (std::max(each.begin, at) - at),
                       buffer + (std::min(each.end, at + n) - at), true);
      drain();
      at += n != 0 ? n : page_bytes;  // a guard
    }
    begin = run.end;
  }
}

}  // namespace sluice::runtime
