// SPDX-License-Identifier: Apache-2.0

#include "sluice/sync/cond.h"

#include <mutex>

namespace sluice::sync {

Cond::Waiter::Waiter(Cond* cond)
    : CancelNode([](CancelNode* self) {
        auto* waiter = static_cast<Waiter*>(self);
        waiter->cond->give_up(*waiter);
      }),
      cond(cond) {}

bool Cond::enqueue(Waiter& waiter) {
  std::lock_guard lock(lock_);
  if (waiter.state == Waiter::State::cancelled) return false;
  waiter.state = Waiter::State::queued;
  waiter.previous = tail_;
  (tail_ == nullptr ? head_ : tail_->next) = &waiter;
  tail_ = &waiter;
  return true;
}

void Cond::unlink(Waiter& waiter) {
  (waiter.previous == nullptr ? head_ : waiter.previous->next) = waiter.next;
  (waiter.next == nullptr ? tail_ : waiter.next->previous) = waiter.previous;
}

void Cond::signal() {
  runtime::G* g;
  {
    std::lock_guard lock(lock_);
    if (head_ == nullptr) return;
    g = head_->g;
    head_->state = Waiter::State::woken;
    unlink(*head_);
  }
  runtime::ready(g);
}

void Cond::broadcast() {
  Waiter* woken;
  {
    std::lock_guard lock(lock_);
    woken = head_;
    for (Waiter* waiter = head_; waiter != nullptr; waiter = waiter->next)
      waiter->state = Waiter::State::woken;
    head_ = tail_ = nullptr;
  }
  while (woken != nullptr) {
    // The waiter's frame is gone once it runs.
    Waiter* next = woken->next;
    runtime::ready(woken->g);
    woken = next;
  }
}

// Runs under the context's lock, so the waiter's frame is there until we return.
void Cond::give_up(Waiter& waiter) {
  {
    std::lock_guard lock(lock_);
    // One who was woken keeps that: a signal must not be lost.
    if (waiter.state == Waiter::State::woken) return;
    bool queued = waiter.state == Waiter::State::queued;
    waiter.state = Waiter::State::cancelled;
    if (!queued) return;  // he will see it before he parks
    unlink(waiter);
  }
  runtime::ready(waiter.g);
}

}  // namespace sluice::sync
