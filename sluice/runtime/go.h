// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "sluice/base/result.h"
#include "sluice/base/time.h"
#include "sluice/runtime/internal/spawn.h"
#include "sluice/runtime/simulation.h"

namespace sluice {

// Starts a goroutine that runs `fn()`. `fn` may be move-only; it is moved beside the goroutine's
// record or onto its stack, so nothing is allocated on the heap (largest closure: 16 KiB).
// An exception that leaves `fn` ends the process with its message, unless a handler is set
// (RuntimeOptions::on_panic). Callable from goroutines and, while a Runtime exists, from any
// thread. When no goroutine can be had (see try_go) the process ends with the named error.
template <class F>
[[gnu::noinline]] void go(F&& fn) {
  if (!runtime::internal::spawn(std::forward<F>(fn), __builtin_return_address(0)))
    runtime::internal::die_of_spawn_error();
}

// As go(), for callers that can go on without the goroutine.
// Errors: resource_exhausted (goroutine limit, address space, guard mappings; the message says
// which and what raises it), failed_precondition (no Runtime). `fn` is untouched on error.
template <class F>
[[gnu::noinline]] Result<void> try_go(F&& fn) {
  if (runtime::simulation() != nullptr && runtime::internal::spawn_fails()) [[unlikely]]
    return runtime::internal::spawn_error();
  if (!runtime::internal::spawn(std::forward<F>(fn), __builtin_return_address(0)))
    return runtime::internal::spawn_error();
  return {};
}

// Lets other runnable goroutines go first.
void yield();

// Parks the goroutine (or blocks the thread that is none) for at least that long.
void sleep_for(Duration duration);
void sleep_until(Instant when);

// Runs `fn` as code that is known to block in the kernel: this goroutine's processor goes to
// another thread at once instead of after sysmon's notice. Returns what `fn` returns. The errno
// that `fn` leaves is for `fn` to read: the goroutine may be on another thread afterwards.
template <class F>
decltype(auto) blocking(F&& fn) {
  runtime::internal::BlockingRegion region;
  return std::forward<F>(fn)();
}

// Goroutines that have been started and have not ended.
size_t num_goroutines();

// This goroutine's number, unique in the process, from 1 up; 0 on a thread that is no goroutine.
uint64_t goroutine_id();

// A name for dumps; the first 23 bytes are kept.
void set_goroutine_name(std::string_view name);

}  // namespace sluice
