// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <concepts>

#include "sluice/base/result.h"
#include "sluice/context/cancel_node.h"
#include "sluice/runtime/park.h"
#include "sluice/runtime/spin_lock.h"

namespace sluice::sync {

// Lets goroutines wait until something under a lock has changed.
//   std::unique_lock lock(mutex_);
//   cond_.wait(lock, [&] { return !queue_.empty(); });
// signal() and broadcast() may be called with or without the lock; they wake those who have begun
// to wait before, longest first. Nobody wakes without a call. The lock is any BasicLockable that
// waiters agree on. A channel often says the same with less: a close is a broadcast, a send a
// signal.
// Ordering: signal() and broadcast() happen before the wait() that they wake returns.
// Source: Go's sync/cond.go.
class Cond {
 public:
  Cond() = default;
  Cond(const Cond&) = delete;
  Cond& operator=(const Cond&) = delete;

  // Releases the lock, waits to be woken, takes the lock again. The condition may have changed once
  // more by then: call it in a loop, or give the condition.
  template <class Lock>
  void wait(Lock& lock) {
    Waiter waiter(this);
    enqueue(waiter);
    lock.unlock();
    runtime::park(runtime::WaitReason::cond);
    lock.lock();
  }
  template <class Lock, std::predicate Condition>
  void wait(Lock& lock, Condition condition) {
    while (!condition()) wait(lock);
  }

  // As wait(), or until the context ends. The lock is held again in both cases.
  // Errors: context.err(), if it ended before somebody woke us.
  template <class Lock>
  Result<void> wait(const Context& context, Lock& lock) {
    Waiter waiter(this);
    if (!waiter.add(context)) return *context.err();
    bool queued = enqueue(waiter);
    lock.unlock();
    if (queued) runtime::park(runtime::WaitReason::cond);
    waiter.remove();
    lock.lock();
    if (waiter.state == Waiter::State::cancelled) return *context.err();
    return {};
  }
  template <class Lock, std::predicate Condition>
  Result<void> wait(const Context& context, Lock& lock, Condition condition) {
    while (!condition()) SLUICE_TRY(wait(context, lock));
    return {};
  }

  // Wakes one, if any waits.
  void signal();
  // Wakes all who wait now.
  void broadcast();

 private:
  struct Waiter : CancelNode {
    explicit Waiter(Cond* cond);

    Cond* const cond;
    runtime::G* const g = runtime::current();
    Waiter* next = nullptr;
    Waiter* previous = nullptr;
    // Guarded by lock_ until the waiter runs again. Whoever moves it on from `queued` calls
    // ready().
    enum class State : unsigned char { entering, queued, woken, cancelled };
    State state = State::entering;
  };

  // False: the context ended in between, and the waiter is not in the queue.
  bool enqueue(Waiter& waiter);
  void unlink(Waiter& waiter);
  void give_up(Waiter& waiter);

  runtime::SpinLock lock_;
  Waiter* head_ = nullptr;  // guarded by lock_; nodes live in wait()'s frames
  Waiter* tail_ = nullptr;  // guarded by lock_
};

}  // namespace sluice::sync
