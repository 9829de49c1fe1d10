// SPDX-License-Identifier: Apache-2.0

#include "sluice/chan/internal/select_core.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <utility>

#include "sluice/base/assert.h"
#include "sluice/chan/internal/channel_steps.h"
#include "sluice/chan/internal/random.h"
#include "sluice/runtime/park.h"
#include "sluice/runtime/section.h"
#include "sluice/runtime/simulation.h"
#include "sluice/runtime/timer.h"

namespace sluice::internal {

using runtime::WaitReason;

namespace {

inline bool blocks(const SelectCase& each, ChannelStatus status) {
  return status.blocks(each.sends, uint32_t(each.core->capacity()));
}
inline bool blocks(const SelectCase& each) { return blocks(each, each.core->status()); }

// Which cases an unlocked look found able to go ahead, and the words it saw.
struct Look {
  uint64_t ready = 0;
  uint64_t words[select_cases_max];
};

// Leaves `words` of cases on nil channels unset; they are never ready.
inline void look_at(const SelectCase* cases, size_t count, Look& look) {
  look.ready = 0;
  for (size_t i = 0; i < count; ++i) {
    const SelectCase& each = cases[i];
    if (each.core == nullptr) continue;
    ChannelStatus status = each.core->status();
    look.words[i] = status.word();
    look.ready |= uint64_t{!blocks(each, status)} << i;
  }
}

// No channel has changed since the look. If nothing was ready either, then nothing was ready at the
// moment between the last load of the look and the first load here: each word names all the changes
// before it, so one that reads equal twice did not move in between. The acquire loads keep the two
// passes apart. Pairs with ChannelCore::set_status().
inline bool unchanged(const SelectCase* cases, size_t count, const Look& look) {
  for (size_t i = 0; i < count; ++i)
    if (cases[i].core != nullptr && cases[i].core->status().word() != look.words[i]) return false;
  return true;
}

[[gnu::cold, gnu::noinline]] uint32_t pick_simulated(uint32_t bound) {
  return runtime::simulation()->choose(runtime::Decision::pick, bound);
}

// An even pick from [0, bound).
inline uint32_t pick(uint32_t bound) {
  if (runtime::simulation() != nullptr) [[unlikely]]
    return pick_simulated(bound);
  return pick_below(bound, uint32_t(random_bits() >> 32));
}

// Takes one of the set bits of `mask`, evenly, out of it.
inline int take_any(uint64_t& mask) {
  uint64_t rest = mask;
  if ((mask & (mask - 1)) != 0)  // several
    for (uint32_t skip = pick(uint32_t(std::popcount(mask))); skip > 0; --skip) rest &= rest - 1;
  int index = std::countr_zero(rest);
  mask &= ~(uint64_t{1} << index);
  return index;
}

inline Attempt attempt_locked(SelectCase& each, Waiter*& peer) {
  return each.sends ? each.core->send_locked(each.element, peer)
                    : each.core->receive_locked(each.element, peer);
}

// The rest of an attempt that did not end in `blocked`, with no lock held.
inline void finish(SelectCase& each, Attempt attempt, Waiter* peer) {
  each.success = attempt == Attempt::done;
  if (attempt == Attempt::closed) {
    if (each.sends) die_of_closed_send();
  } else if (each.sends) {
    each.core->finish_send(each.element, peer);
  } else {
    each.core->finish_receive(each.element, peer);
  }
}

// Tries the cases of `ready` in random order, locking one channel at a time. -1: none could.
int try_any(SelectCase* cases, uint64_t ready) {
  while (ready != 0) {
    int index = take_any(ready);
    SelectCase& each = cases[index];
    Waiter* peer;
    each.core->lock();
    Attempt attempt = attempt_locked(each, peer);
    each.core->unlock();
    if (attempt == Attempt::blocked) continue;
    finish(each, attempt, peer);
    return index;
  }
  return -1;
}

// The cases on channels, in the order in which their channels are locked: by address, so that two
// selects cannot wait for each other; in random order where cases share a channel, as that is the
// order in which they will be served.
class LockOrder {
 public:
  LockOrder(SelectCase* cases, size_t count) : cases_(cases), count_(count) {
    if (runtime::simulation() != nullptr) [[unlikely]] {
      order_as_they_come();
      return;
    }
    uintptr_t highest = 0;
    for (size_t i = 0; i < count; ++i) {
      uintptr_t own = reinterpret_cast<uintptr_t>(cases[i].core);
      if (own == 0) continue;
      if (own > highest) {  // often they come in order
        order_[size_++] = &cases[i];
        highest = own;
      } else {
        insert(&cases[i]);
      }
    }
  }

  size_t size() const { return size_; }
  SelectCase& operator[](size_t position) const { return *order_[position]; }
  int index(size_t position) const { return int(order_[position] - cases_); }

  // As take_any(), of positions. Which one must not depend on addresses: for a simulation.
  [[gnu::cold, gnu::noinline]] int take_any(uint64_t& positions) const {
    uint64_t cases = 0;
    for (size_t i = 0; i < size_; ++i) cases |= (positions >> i & 1) << index(i);
    int taken = sluice::internal::take_any(cases);
    size_t position = 0;
    while (index(position) != taken) ++position;
    positions &= ~(uint64_t{1} << position);
    return int(position);
  }

  void lock_all() const {
    if (runtime::Simulation* current = runtime::simulation()) [[unlikely]]
      return lock_all_at_once(*current);
    for (size_t i = 0; i < size_; ++i)
      if (is_first_of_its_channel(i)) (*this)[i].core->lock();
  }
  void unlock_all() const {
    for (size_t i = 0; i < size_; ++i) unlock_after(i);
  }
  // Unlocks the channel of a case if the following ones have others.
  void unlock_after(size_t i) const {
    if (i + 1 == size_ || order_[i]->core != order_[i + 1]->core) order_[i]->core->unlock();
  }

 private:
  // Addresses must not decide what comes of a simulated run: when all locks are free, it has them.
  [[gnu::cold, gnu::noinline]] void lock_all_at_once(runtime::Simulation& simulation) const {
    simulation.interleave();
    auto is_taken = [](const SelectCase& each) {
      return each.core != nullptr && each.core->spin_lock().is_locked();
    };
    for (;;) {
      const SelectCase* taken;
      {
        runtime::Uninterrupted
            whole;  // whatever is a point, from the look at the locks to the last
        taken = std::find_if(cases_, cases_ + count_, is_taken);
        if (taken == cases_ + count_) {
          for (size_t i = 0; i < size_; ++i)
            if (is_first_of_its_channel(i)) (*this)[i].core->spin_lock().try_lock();
          return;
        }
      }
      simulation.wait_for(taken->core->spin_lock());
    }
  }

  // Insertion sort: selects are short. A newcomer changes places with any of its equals or with
  // none, each as likely: a coin for each equal that it passes would favour the last places.
  [[gnu::noinline]] void insert(SelectCase* each) {
    auto key = [&](size_t position) { return reinterpret_cast<uintptr_t>((*this)[position].core); };
    uintptr_t own = reinterpret_cast<uintptr_t>(each->core);
    size_t at = size_++;
    for (; at > 0 && key(at - 1) > own; --at) order_[at] = order_[at - 1];
    order_[at] = each;
    mix_with_equals(at);
  }
  void mix_with_equals(size_t at) {
    size_t first = at;
    while (first > 0 && order_[first - 1]->core == order_[at]->core) --first;
    if (first == at) return;
    std::swap(order_[at], order_[first + pick(uint32_t(at - first) + 1)]);
  }
  // In a simulation, where all are locked at once: the unlocking must not follow addresses either.
  [[gnu::cold, gnu::noinline]] void order_as_they_come() {
    for (size_t i = 0; i < count_; ++i) {
      SelectCase* each = &cases_[i];
      if (each->core == nullptr) continue;
      auto is_equal = [each](const SelectCase* other) { return other->core == each->core; };
      size_t at = size_;
      while (at > 0 && !is_equal(order_[at - 1])) --at;
      if (at == 0) at = size_;
      std::copy_backward(order_ + at, order_ + size_, order_ + size_ + 1);
      ++size_;
      order_[at] = each;
      mix_with_equals(at);
    }
  }
  bool is_first_of_its_channel(size_t i) const {
    return i == 0 || (*this)[i].core != (*this)[i - 1].core;
  }

  SelectCase* cases_;
  size_t count_;
  size_t size_ = 0;
  SelectCase* order_[select_cases_max];
};

// With everything locked, decides: a case goes ahead (its index), none can (-1) and all are queued
// under `claim`, or, with a default, none can and nothing is queued.
int decide_locked(const LockOrder& order, SelectClaim* claim, runtime::G* self) {
  order.lock_all();
  uint64_t ready = 0;
  for (size_t i = 0; i < order.size(); ++i) ready |= uint64_t{!blocks(order[i])} << i;
  while (ready != 0) {
    int position = runtime::simulation() == nullptr ? take_any(ready) : order.take_any(ready);
    SelectCase& each = order[size_t(position)];
    Waiter* peer;
    Attempt attempt = attempt_locked(each, peer);
    if (attempt == Attempt::blocked) continue;
    order.unlock_all();
    finish(each, attempt, peer);
    return order.index(size_t(position));
  }
  if (claim == nullptr) {
    order.unlock_all();
    return -1;
  }
  // Unlocked one by one: who serves an early case while later ones are still being queued meets a
  // claim as always, and the later ones are found lost by whoever comes upon them.
  for (size_t i = 0; i < order.size(); ++i) {
    SelectCase& each = order[i];
    each.g = self;
    each.select = claim;
    each.core->enqueue(each, each.sends);
    order.unlock_after(i);
  }
  return -1;
}

// The moment a timeout ends. A long one stands for "never" and must not overflow into the past.
Instant end_of(Duration timeout) {
  Instant start = now();
  return timeout > Instant::max() - start ? Instant::max() : start + timeout;
}

// A select's timer. It fires by the same claim as a channel does.
//
// The frame may be left only when the callback can no longer touch it. stop() == true says that it
// never will. If the callback won the claim, its ready() is its last act and its G* is a copy. If
// it fires and loses, the owner waits for `over_`: whoever comes second to the exchange acts.
class SelectTimer {
 public:
  SelectTimer(SelectClaim& claim, runtime::G* owner) : claim_(claim), owner_(owner) {}

  static const Waiter* mark() {
    static constinit const Waiter timeout_mark{};
    return &timeout_mark;
  }

  void start(Instant when) { timer_.start(when, &SelectTimer::fire, this, 0); }

  // After the park, when a channel has won: returns once the callback cannot touch this object.
  void end(runtime::Section& section) {
    if (timer_.stop()) return;
    // Acquire-release pairs with fire()'s exchange.
    if (over_.exchange(owner_waits, std::memory_order_acq_rel) == callback_over) return;
    section.park(WaitReason::select);
  }

 private:
  enum Over : uint32_t { nobody, callback_over, owner_waits };

  static void fire(void* arg, uint64_t) {
    SelectTimer& self = *static_cast<SelectTimer*>(arg);
    runtime::G* owner = self.owner_;
    if (self.claim_.claim(mark())) {
      runtime::ready_sectioned(owner);
    } else if (self.over_.exchange(callback_over, std::memory_order_acq_rel) == owner_waits) {
      runtime::ready_sectioned(owner);
    }
  }

  SelectClaim& claim_;
  runtime::G* const owner_;
  std::atomic<uint32_t> over_{nobody};
  runtime::Timer timer_;
};

// After the park: takes the losers out of their queues, if nobody who came upon them has done so
// already. Only then may the frame be left, because somebody may be looking at a loser's claim,
// under its channel's lock, until then.
int settle(SelectCase* cases, size_t count, const Waiter* winner) {
  int taken = select_timeout;
  for (size_t i = 0; i < count; ++i) {
    SelectCase& each = cases[i];
    taken = &each == winner ? int(i) : taken;  // and it is not queued
    if (each.core != nullptr && each.may_be_queued()) each.core->dequeue(each, each.sends);
  }
  if (taken >= 0 && cases[taken].sends && !cases[taken].success) die_of_closed_send();
  return taken;
}

int wait(SelectCase* cases, size_t count) {
  LockOrder order(cases, count);
  if (order.size() == 0)
    for (;;) runtime::park(WaitReason::select_no_cases);
  SelectClaim claim;
  {
    runtime::Section section;
    if (int taken = decide_locked(order, &claim, section.g()); taken >= 0) return taken;
    section.park(WaitReason::select);
  }
  return settle(cases, count, claim.winner());
}

int wait_until(SelectCase* cases, size_t count, Instant when) {
  LockOrder order(cases, count);
  SelectClaim claim;
  {
    runtime::Section section;
    if (int taken = decide_locked(order, &claim, section.g()); taken >= 0) return taken;
    SelectTimer timer(claim, section.g());
    bool started = claim.winner() == nullptr;
    if (started) timer.start(when);
    section.park(WaitReason::select);
    if (started && claim.winner() != SelectTimer::mark()) timer.end(section);
  }
  SLUICE_ASSERT(claim.winner() != nullptr, "select: woken by nobody");
  return settle(cases, count, claim.winner());
}

}  // namespace

int select(SelectCase* cases, size_t count, bool has_default, const Duration* timeout) {
  SLUICE_ASSERT(count <= select_cases_max);
  if (has_default) runtime::interleave();  // others have a lock or a Section to come
  Look look;
  // A default that keeps seeing changes settles it with everything locked.
  constexpr int unlocked_rounds_max = 4;
  for (int round = 0; round < unlocked_rounds_max; ++round) {
    look_at(cases, count, look);
    if (int taken = try_any(cases, look.ready); taken >= 0) return taken;
    if (!has_default && timeout == nullptr) return wait(cases, count);
    if (!has_default && *timeout > Duration::zero())
      return wait_until(cases, count, end_of(*timeout));
    if (look.ready == 0 && unchanged(cases, count, look))
      return has_default ? select_default : select_timeout;
  }
  int taken = decide_locked(LockOrder(cases, count), nullptr, nullptr);
  return taken >= 0 ? taken : has_default ? select_default : select_timeout;
}

bool receive_until(ChannelCore* core, ChannelCore* done, void* element) {
  if (core != nullptr && done == nullptr) return core->receive(element);
  Room<Unit> ended;
  SelectCase cases[2];
  cases[0].core = core;
  cases[0].element = element;
  cases[1].core = done;
  cases[1].element = &ended.value;
  return select(cases, 2, false, nullptr) == 0 && cases[0].success;
}

}  // namespace sluice::internal
