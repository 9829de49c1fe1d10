// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include "sluice/base/defer.h"
#include "sluice/base/function.h"
#include "sluice/context/internal/cancel_link.h"
#include "sluice/runtime/go.h"

namespace sluice::internal {

// A function that waits for a scope's end. Owned by the list that it is in and by its StopFuncs.
// Whoever takes it out of the list, the end or a stop, has the list's reference and the function.
class AfterFunc final : public CancelLink {
 public:
  explicit AfterFunc(Function<void()> fn) : CancelLink(Kind::after_func), fn_(std::move(fn)) {}

  void retain() { references_.fetch_add(1, std::memory_order_relaxed); }
  void drop() {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

  // The end's part: runs the function in a goroutine of its own.
  void start() {
    go([this] {
      Defer end{[this] { give_up(); }};  // also if it throws
      fn_();
    });
  }

  // The stop's part, after it took this out of the list.
  void stop() { give_up(); }

  // The stop of a function on a context that never ends. True for the first call.
  bool stop_unlisted() { return !stopped_.exchange(true, std::memory_order_relaxed); }

 private:
  ~AfterFunc() = default;
  // What the function holds goes now, not with the last StopFunc.
  void give_up() {
    fn_ = nullptr;
    drop();
  }

  Function<void()> fn_;
  std::atomic<uint32_t> references_{2};
  std::atomic<bool> stopped_{false};
};

}  // namespace sluice::internal
