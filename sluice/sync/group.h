// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <concepts>
#include <optional>
#include <type_traits>
#include <utility>

#include "sluice/base/defer.h"
#include "sluice/base/error.h"
#include "sluice/base/result.h"
#include "sluice/context/context.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/spin_lock.h"
#include "sluice/sync/semaphore.h"
#include "sluice/sync/wait_group.h"

namespace sluice::sync {

// The error of a Group one of whose functions threw, where the process goes on after that.
inline constexpr ErrorSentinel group_function_threw{Code::internal,
                                                    "sync: a function of the group threw"};

// Goroutines that live and fail together, and none of which outlives the group's scope.
//   Group group{context};
//   group.go([&](Context context) -> Result<void> { return fetch(context, left); });
//   group.go([&](Context context) -> Result<void> { return fetch(context, right); });
//   SLUICE_TRY(group.wait());
// The first error cancels the group's context, with itself as the cause, and is what wait()
// returns; a function that throws counts as one that returned group_function_threw, if the process
// has a handler for panics and goes on. The destructor cancels the context and waits for all:
// leaving early leaves nothing behind.
// Thread-safety: go() and cancel() may be called from anywhere, also by the group's own goroutines;
// wait() by one, and not by the group's own, which would wait for themselves.
// Source: golang.org/x/sync/errgroup, plus the join at scope exit.
class Group {
 public:
  // The group's context is a child of `parent`.
  explicit Group(const Context& parent = Context()) : Group(with_cancel(parent)) {}
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;
  ~Group() {
    cancel_();
    active_.wait();
  }

  // Lets at most `n` goroutines of the group run at once. To be called before the first go().
  void limit(int64_t n) { slots_.emplace(n); }

  // Runs `fn(Context)` or `fn()` in a goroutine; it returns Result<void> or nothing. At the limit
  // it waits for a place. It starts `fn` also when the context has ended: `fn` is told so.
  template <class F>
  void go(F&& fn) {
    if (slots_) slots_->acquire();
    start(std::forward<F>(fn));
  }

  // As go(), but false instead of waiting for a place.
  template <class F>
  bool try_go(F&& fn) {
    if (slots_ && !slots_->try_acquire()) return false;
    start(std::forward<F>(fn));
    return true;
  }

  // Waits for all goroutines, then ends the group's context. Errors: the first that one returned.
  Result<void> wait();

  // Ends the group's context; does not wait.
  void cancel() { cancel_(); }
  void cancel(const Error& cause) { cancel_(cause); }

  const Context& context() const { return context_; }

 private:
  explicit Group(CancellableContext made)
      : context_(std::move(made.context)), cancel_(std::move(made.cancel)) {}

  template <class F>
  static Result<void> run(F& fn, const Context& context) {
    if constexpr (std::is_invocable_v<F&, const Context&>) {
      return run_bound([&] { return fn(context); });
    } else {
      return run_bound(fn);
    }
  }
  template <class F>
  static Result<void> run_bound(F&& fn) {
    using Value = decltype(fn());
    static_assert(std::same_as<Value, void> || std::same_as<Value, Result<void>>,
                  "Group::go(fn): fn returns Result<void> or nothing");
    if constexpr (std::is_void_v<Value>) {
      fn();
      return {};
    } else {
      return fn();
    }
  }

  template <class F>
  void start(F&& fn) {
    active_.add();
    Defer undo{[this] { leave(); }};  // if `fn` cannot be copied
    sluice::go(
        [this, fn = std::optional<std::decay_t<F>>(std::in_place, std::forward<F>(fn))]() mutable {
          Result<void> result = Error(group_function_threw);
          Defer end{[&] {
            fn.reset();  // what it holds goes before the group may think that it is over
            finish(result);
          }};
          result = run(*fn, context_);
        });
    undo.cancel();
  }
  void finish(const Result<void>& result);
  void leave();  // the group may be gone after this

  const Context context_;
  const CancelFunc cancel_;
  WaitGroup active_;
  std::optional<Semaphore> slots_;  // empty: no limit
  runtime::SpinLock lock_;
  std::optional<Error> first_error_;  // guarded by lock_
};

}  // namespace sluice::sync
