// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <utility>

#include "sluice/base/defer.h"
#include "sluice/sync/mutex.h"

namespace sluice::sync {

// Does something exactly once.
//   once_.call([&] { table_ = load_table(); });
// Whoever comes while it is being done waits until it is done. If the function throws, the
// exception goes to that caller and the once counts as done, as in Go. A call from inside the
// function waits for ever.
// Ordering: the function's return happens before any call() returns.
// Source: Go's sync/once.go.
class Once {
 public:
  Once() = default;
  Once(const Once&) = delete;
  Once& operator=(const Once&) = delete;

  template <class F>
  void call(F&& fn) {
    runtime::interleave();
    // Acquire pairs with the release below.
    // A compare-and-swap instead of the lock would be wrong: the loser would return at once, before
    // the winner's function is through.
    if (!done_.load(std::memory_order_acquire)) [[unlikely]]
      call_slow(fn);
  }

 private:
  template <class F>
  [[gnu::noinline]] void call_slow(F& fn) {
    std::lock_guard lock(mutex_);
    if (done_.load(std::memory_order_relaxed)) return;
    Defer mark{[this] { done_.store(true, std::memory_order_release); }};
    fn();
  }

  std::atomic<bool> done_{false};
  Mutex mutex_;
};

// A value that the first get() makes.
//   OnceValue<Table> table_;
//   const Table& table = table_.get([&] { return load_table(); });
// If making it throws, that get() throws and the next one tries again.
// Source: Go's sync.OnceValue, but for the exception.
template <class T>
class OnceValue {
 public:
  // `make()` gives a T. All callers get the same object, which lives as long as this.
  template <class F>
  T& get(F&& make) {
    runtime::interleave();
    // Acquire pairs with the release below.
    if (!made_.load(std::memory_order_acquire)) [[unlikely]]
      get_slow(make);
    return *value_;
  }

 private:
  template <class F>
  [[gnu::noinline]] void get_slow(F& make) {
    std::lock_guard lock(mutex_);
    if (made_.load(std::memory_order_relaxed)) return;
    value_.emplace(make());
    made_.store(true, std::memory_order_release);
  }

  std::atomic<bool> made_{false};
  Mutex mutex_;
  std::optional<T> value_;  // guarded by mutex_ until made_
};

}  // namespace sluice::sync
