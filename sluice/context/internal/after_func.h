// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "sluice/base/defer.h"
#include "sluice/base/function.h"
#include "sluice/base/hidden_pointer.h"
#include "sluice/context/internal/cancel_link.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/spin_lock.h"

namespace sluice::internal {

class AfterFunc;

// All that wait for a context's end, for who looks for leaks: lists by address, each under a lock
// of its own.
class WaitingFuncs {
 public:
  static WaitingFuncs& of(const AfterFunc* after);

  void add(AfterFunc* after);
  void remove(AfterFunc* after);
  // Calls `visit` for each of all lists, under its lock.
  static void visit(void (*visit)(const AfterFunc& after, void* context), void* context);

 private:
  static constexpr size_t lists_max = 16;
  static WaitingFuncs lists_[lists_max];

  runtime::SpinLock lock_;
  // Guarded by lock_, as are the links. Hidden: a function that waits in vain is not to keep what
  // it holds from being found.
  HiddenPointer<AfterFunc> first_;
  uint64_t next_id_ = 1;  // ids of a list are these times lists_max, plus its index
};

// A function that waits for a scope's end. Owned by the list that it is in and by its StopFuncs.
// Whoever takes it out of the list, the end or a stop, has the list's reference and the function.
class AfterFunc final : public CancelLink {
 public:
  AfterFunc(Function<void()> fn, const void* created_by)
      : CancelLink(Kind::after_func), created_by(created_by), fn_(std::move(fn)) {}

  void retain() { references_.fetch_add(1, std::memory_order_relaxed); }
  void drop() {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

  // Before it is put in a scope's list: from now on it waits.
  void wait() { WaitingFuncs::of(this).add(this); }

  // The end's part: runs the function in a goroutine of its own.
  void start() {
    WaitingFuncs::of(this).remove(this);
    go([this] {
      Defer end{[this] { give_up(); }};  // also if it throws
      fn_();
    });
  }

  // The stop's part, after it took this out of the list.
  void stop() {
    WaitingFuncs::of(this).remove(this);
    give_up();
  }

  // The stop of a function on a context that never ends. True for the first call.
  bool stop_unlisted() { return !stopped_.exchange(true, std::memory_order_relaxed); }

  const void* const created_by;  // return address into who called after_func()
  uint64_t waiting_id = 0;       // among those that wait; set by WaitingFuncs

 private:
  friend class WaitingFuncs;
  ~AfterFunc() = default;
  // What the function holds goes now, not with the last StopFunc.
  void give_up() {
    fn_ = nullptr;
    drop();
  }

  Function<void()> fn_;
  HiddenPointer<AfterFunc> next_waiting_;
  HiddenPointer<AfterFunc> previous_waiting_;
  std::atomic<uint32_t> references_{2};
  std::atomic<bool> stopped_{false};
};

}  // namespace sluice::internal
