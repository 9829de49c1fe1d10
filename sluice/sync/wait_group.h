// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include "sluice/base/defer.h"
#include "sluice/runtime/go.h"
#include "sluice/sync/internal/sema.h"

namespace sluice::sync {

// Waits for a number of goroutines to finish.
//   WaitGroup group;
//   for (Job& job : jobs) group.go([&job] { job.run(); });
//   group.wait();
// For goroutines that can fail or must be cancelled together, use Group.
//
// add() with a counter of zero must happen before wait(): call it in the goroutine that waits. It
// may be reused once every wait() has returned, and destroyed when the only waiter's wait() has.
// Misuse ends the process: "sync: negative WaitGroup counter", "sync: WaitGroup misuse: add called
// concurrently with wait", "sync: WaitGroup is reused before previous wait has returned".
// Ordering: done() happens before the wait() that it ends returns.
// Source: Go's sync/waitgroup.go.
class WaitGroup {
 public:
  WaitGroup() = default;
  WaitGroup(const WaitGroup&) = delete;
  WaitGroup& operator=(const WaitGroup&) = delete;

  void add(int32_t delta = 1) {
    runtime::interleave();
    // Release for the wait() that this may end, acquire for the waker, who speaks for all.
    uint64_t state = state_.fetch_add(uint64_t(delta) << 32, std::memory_order_acq_rel) +
                     (uint64_t(delta) << 32);
    if (counter(state) <= 0 || waiters(state) != 0) [[unlikely]]
      settle(state, delta);
  }
  void done() { add(-1); }

  // Waits until the counter is zero.
  void wait();

  // add(), and `fn()` in a goroutine of its own, and done() when it has returned and `fn` is
  // destroyed: what it holds may refer to what goes after wait(). If `fn` throws and the process
  // has a handler for panics, done() follows too; without one the process ends first.
  template <class F>
  void go(F&& fn) {
    add();
    Defer undo{[this] { done(); }};  // if `fn` cannot be copied
    sluice::go(
        [this, fn = std::optional<std::decay_t<F>>(std::in_place, std::forward<F>(fn))]() mutable {
          // Not done() behind the call: the closure would be destroyed after it.
          Defer end{[&] {
            fn.reset();
            done();
          }};
          (*fn)();
        });
    undo.cancel();
  }

 private:
  static int32_t counter(uint64_t state) { return int32_t(state >> 32); }
  static uint32_t waiters(uint64_t state) { return uint32_t(state); }
  void settle(uint64_t state, int32_t delta);

  std::atomic<uint64_t> state_{0};  // the counter in the high half, the waiters in the low one
  internal::Sema sema_;
};

}  // namespace sluice::sync
