// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/timer_wheel.h"

#include <algorithm>
#include <bit>
#include <mutex>
#include <utility>

#include "sluice/base/assert.h"
#include "sluice/runtime/internal/event_log.h"

namespace sluice::runtime {

// The tick of a timer is rounded up: tick t stands for the moment t << tick_shift, and everything
// in it is due once now >> tick_shift >= t. Returns that moment.
uint64_t TimerWheel::place(Timer* timer) {
  constexpr uint64_t below_tick = (uint64_t{1} << tick_shift) - 1;
  uint64_t tick = (timer->when_ >> tick_shift) + ((timer->when_ & below_tick) != 0);
  if (tick < tick_) tick = tick_;
  uint64_t distance = tick ^ tick_;
  int level = distance == 0 ? 0 : (63 - std::countl_zero(distance)) / level_bits;
  uint32_t slot;
  if (level >= levels) {
    // In a later turn of the top level: its own slot there when that is less than a turn away, else
    // the farthest one, to be placed again from there.
    level = levels - 1;
    int shift = level_bits * level;
    uint64_t ahead = (tick >> shift) - (tick_ >> shift);
    slot = ((tick_ >> shift) + std::min<uint64_t>(ahead, slot_count - 1)) & (slot_count - 1);
  } else {
    slot = (tick >> (level_bits * level)) & (slot_count - 1);
  }
  uint32_t index = static_cast<uint32_t>(level) * slot_count + slot;
  Timer*& head = slots_[index];
  timer->next_ = head;
  timer->link_ = &head;
  if (head != nullptr) head->link_ = &timer->next_;
  head = timer;
  timer->slot_ = static_cast<uint16_t>(index);
  occupied_[level] |= uint64_t{1} << slot;
  return tick << tick_shift;
}

void TimerWheel::unlink(Timer* timer) {
  *timer->link_ = timer->next_;
  if (timer->next_ != nullptr) timer->next_->link_ = timer->link_;
  uint32_t index = timer->slot_;
  if (slots_[index] == nullptr)
    occupied_[index / slot_count] &= ~(uint64_t{1} << index % slot_count);
}

bool TimerWheel::add(Timer* timer, uint64_t when_ns) {
  std::lock_guard lock(lock_);
  timer->when_ = when_ns;
  uint64_t due = place(timer);
  timer->wheel_.store(this, std::memory_order_relaxed);
  count_.store(count_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  if (due >= next_due_.load(std::memory_order_relaxed)) return false;
  next_due_.store(due, std::memory_order_relaxed);
  return true;
}

bool TimerWheel::remove(Timer* timer) {
  std::lock_guard lock(lock_);
  if (timer->wheel_.load(std::memory_order_relaxed) != this) return false;  // fired meanwhile
  unlink(timer);
  timer->wheel_.store(nullptr, std::memory_order_relaxed);
  uint64_t left = count_.load(std::memory_order_relaxed) - 1;
  count_.store(left, std::memory_order_relaxed);
  // next_due_ stays: a bound that is too early costs one look, a search here costs every stop.
  if (left == 0) next_due_.store(never, std::memory_order_relaxed);
  return true;
}

// Moves a higher level's slot, whose time has come, down to finer ones.
void TimerWheel::cascade(int level, uint32_t slot) {
  Timer*& head = slots_[static_cast<uint32_t>(level) * slot_count + slot];
  Timer* timer = std::exchange(head, nullptr);
  occupied_[level] &= ~(uint64_t{1} << slot);
  while (timer != nullptr) {
    Timer* next = timer->next_;
    place(timer);
    timer = next;
  }
}

// The first tick at which anything must be looked at: a level-0 slot's own tick, or the tick at
// which a higher slot is to be cascaded. All occupied slots lie at or after the current position of
// their level within this turn; in the top level, slots behind it belong to the next turn.
uint64_t TimerWheel::earliest_tick() const {
  uint64_t best = never;
  for (int level = 0; level < levels; ++level) {
    if (occupied_[level] == 0) continue;
    int shift = level_bits * level;
    uint32_t position = (tick_ >> shift) & (slot_count - 1);
    uint64_t rotated = std::rotr(occupied_[level], static_cast<int>(position));
    uint64_t steps = static_cast<uint64_t>(std::countr_zero(rotated));
    uint64_t tick = ((tick_ >> shift) + steps) << shift;
    if (tick < tick_) tick = tick_;
    if (tick < best) best = tick;
  }
  return best;
}

// Takes due timers, oldest tick first, until the batch is full or none is left.
int TimerWheel::collect(uint64_t until_tick, Expired* batch) {
  int n = 0;
  for (;;) {
    uint64_t tick = earliest_tick();
    if (tick > until_tick) {
      tick_ = until_tick + 1;
      // What until_tick's end reaches in higher levels is cascaded by the next call.
      next_due_.store(tick == never ? never : tick << tick_shift, std::memory_order_relaxed);
      return n;
    }
    tick_ = tick;
    for (int level = levels - 1; level > 0; --level) {
      uint32_t slot = (tick >> (level_bits * level)) & (slot_count - 1);
      if ((occupied_[level] >> slot & 1) != 0) cascade(level, slot);
    }
    uint32_t slot = tick & (slot_count - 1);
    while (Timer* timer = slots_[slot]) {
      if (n == batch_max) return n;
      unlink(timer);
      batch[n++] = {timer->callback_, timer->arg_, timer->seq_};
      timer->wheel_.store(nullptr, std::memory_order_release);
      count_.store(count_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
    }
    tick_ = tick + 1;
  }
}

int TimerWheel::run_due(uint64_t now_ns) {
  int total = 0;
  Expired batch[batch_max];
  for (;;) {
    int n;
    {
      std::lock_guard lock(lock_);
      if ((now_ns >> tick_shift) < tick_) return total;
      n = collect(now_ns >> tick_shift, batch);
    }
    if (n != 0 && is_recording()) [[unlikely]]
      record({.kind = EventKind::timers_fired, .a = static_cast<uint64_t>(n)});
    for (int i = 0; i < n; ++i) batch[i].callback(batch[i].arg, batch[i].seq);
    total += n;
    if (n < batch_max) return total;
  }
}

}  // namespace sluice::runtime
