// SPDX-License-Identifier: Apache-2.0

#include "sluice/sync/semaphore.h"

#include <mutex>
#include <utility>

#include "sluice/base/assert.h"
#include "sluice/context/cancel_node.h"
#include "sluice/runtime/park.h"

namespace sluice::sync {

// One acquire() that waits. `state` is guarded by the semaphore's lock_ and decides who wakes it:
// whoever moves it away from `queued` calls ready(), exactly once.
struct Semaphore::Waiter : CancelNode {
  enum class State : uint8_t { entering, queued, served, cancelled };

  Waiter(Semaphore* semaphore, int64_t n)
      : CancelNode([](CancelNode* self) {
          auto* waiter = static_cast<Waiter*>(self);
          waiter->semaphore->give_up(*waiter);
        }),
        semaphore(semaphore),
        n(n) {}

  Semaphore* const semaphore;
  const int64_t n;
  runtime::G* const g = runtime::current();
  State state = State::entering;
  Waiter* next = nullptr;  // in the queue, then in the list of those to wake
  Waiter* previous = nullptr;
};

Semaphore::Semaphore(int64_t size) : size_(size), free_(size) {
  SLUICE_ASSERT(size >= 0, "sync: semaphore of negative size");
}

Semaphore::~Semaphore() { SLUICE_ASSERT(head_ == nullptr, "sync: semaphore destroyed in use"); }

Result<void> Semaphore::acquire(const Context& context, int64_t n) {
  SLUICE_ASSERT(n >= 0, "sync: semaphore acquire of a negative number");
  // An end that happened before this call wins, even if the units are free.
  if (context.cancelled()) return *context.err();
  if (try_acquire(n)) return {};
  if (n > size_) {
    context.done().receive();
    return *context.err();
  }
  Waiter waiter(this, n);
  // Outside lock_: the order is the context's lock, then lock_ (see give_up).
  if (!waiter.add(context)) return *context.err();
  {
    std::lock_guard lock(lock_);
    if (waiter.state == Waiter::State::cancelled) return *context.err();
    if (take(n)) return {};  // ~Waiter leaves the context's list
    enqueue(waiter);
  }
  runtime::park(runtime::WaitReason::semaphore);
  waiter.remove();
  if (waiter.state == Waiter::State::cancelled) return *context.err();
  return {};
}

void Semaphore::acquire(int64_t n) {
  SLUICE_ASSERT(n <= size_, "sync: semaphore acquire of more than its size");
  Result<void> never_fails = acquire(Context::background(), n);
  SLUICE_ASSERT(never_fails.has_value());
}

bool Semaphore::try_acquire(int64_t n) {
  std::lock_guard lock(lock_);
  return take(n);
}

void Semaphore::release(int64_t n) {
  SLUICE_ASSERT(n >= 0, "sync: semaphore release of a negative number");
  Waiter* served;
  {
    std::lock_guard lock(lock_);
    free_ += n;
    if (free_ > size_) fatal("sync: semaphore released more than held");
    served = serve();
  }
  wake(served);
}

bool Semaphore::take(int64_t n) {
  if (head_ != nullptr || free_ < n) return false;
  free_ -= n;
  return true;
}

Semaphore::Waiter* Semaphore::serve() {
  Waiter* served = nullptr;
  Waiter** end = &served;
  while (head_ != nullptr && head_->n <= free_) {
    Waiter* waiter = head_;
    unlink(*waiter);
    free_ -= waiter->n;
    waiter->state = Waiter::State::served;
    *end = waiter;
    end = &waiter->next;
  }
  return served;
}

void Semaphore::wake(Waiter* served) {
  while (served != nullptr) {
    // The waiter's frame is gone once it runs.
    Waiter* next = served->next;
    runtime::ready(served->g);
    served = next;
  }
}

void Semaphore::enqueue(Waiter& waiter) {
  waiter.state = Waiter::State::queued;
  waiter.previous = tail_;
  (tail_ == nullptr ? head_ : tail_->next) = &waiter;
  tail_ = &waiter;
}

void Semaphore::unlink(Waiter& waiter) {
  (waiter.previous == nullptr ? head_ : waiter.previous->next) = waiter.next;
  (waiter.next == nullptr ? tail_ : waiter.next->previous) = waiter.previous;
  waiter.next = waiter.previous = nullptr;
}

void Semaphore::give_up(Waiter& waiter) {
  Waiter* served = nullptr;
  {
    std::lock_guard lock(lock_);
    Waiter::State before = std::exchange(waiter.state, Waiter::State::cancelled);
    if (before == Waiter::State::served) {
      waiter.state = before;  // too late: the units are his
      return;
    }
    if (before != Waiter::State::queued) return;  // he will see it before he parks
    unlink(waiter);
    served = serve();  // it may have held back smaller ones
  }
  // The context's lock is still held, so the waiter's remove() waits for us and its frame is there.
  runtime::ready(waiter.g);
  wake(served);
}

}  // namespace sluice::sync
