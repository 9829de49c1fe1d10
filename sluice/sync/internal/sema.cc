// SPDX-License-Identifier: Apache-2.0

#include "sluice/sync/internal/sema.h"

#include "sluice/runtime/contention.h"

namespace sluice::sync::internal {

void Sema::acquire(runtime::WaitReason reason, bool first, Instant since) {
  Waiter waiter{runtime::current(), nullptr, since};
  lock_.lock();
  if (permits_ > 0) {
    --permits_;
    lock_.unlock();
    return;
  }
  if (head_ == nullptr) {
    head_ = tail_ = &waiter;
  } else if (first) {
    waiter.next = head_;
    head_ = &waiter;
  } else {
    tail_ = tail_->next = &waiter;
  }
  lock_.unlock();
  runtime::park(reason);
}

void Sema::release() {
  lock_.lock();
  Waiter* waiter = head_;
  if (waiter == nullptr) {
    ++permits_;
    lock_.unlock();
    return;
  }
  head_ = waiter->next;
  runtime::G* g = waiter->g;
  Instant since = waiter->since;
  lock_.unlock();
  runtime::ready(g);
  if (since != Instant{}) runtime::count_contention(since);
}

}  // namespace sluice::sync::internal
