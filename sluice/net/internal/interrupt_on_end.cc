// SPDX-License-Identifier: Apache-2.0

#include "sluice/net/internal/interrupt_on_end.h"

#include <mutex>

namespace sluice::net::internal {

InterruptOnEnd::InterruptOnEnd(const Context& context, Waits& waits)
    : waits_(waits), stop_(after_func(context, [this] { interrupt(); })) {}

void InterruptOnEnd::interrupt() {
  waits_.interrupt();
  runtime::G* waiter;
  {
    std::lock_guard guard(lock_);
    interrupted_ = true;
    waiter = waiter_;
  }
  // The object may be gone from here on.
  if (waiter != nullptr) runtime::ready(waiter);
}

InterruptOnEnd::~InterruptOnEnd() {
  if (stop_()) return;
  {
    std::unique_lock guard(lock_);
    if (!interrupted_) {
      waiter_ = runtime::current();
      guard.unlock();
      runtime::park(runtime::WaitReason::io_wait);
    }
  }
  waits_.clear_interrupt();
}

}  // namespace sluice::net::internal
