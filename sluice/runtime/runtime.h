// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "sluice/runtime/go.h"

namespace sluice {

// How goroutine stacks are protected against overflow.
enum class StackGuard : unsigned char {
  automatic,  // MADV_GUARD_INSTALL where the kernel has it (6.13+), mprotect elsewhere
  madvise,    // MADV_GUARD_INSTALL, or the Runtime does not start
  mprotect,   // two mappings each: at most ~32,000 goroutines under vm.max_map_count
  none,       // overflow corrupts memory silently: only for measurements
};

// What a Runtime is started with. A zero means: take the environment's value, else the default.
struct RuntimeOptions {
  // Processors, i.e. goroutines running at once. SLUICE_MAXPROCS; else the smaller of the cgroup's
  // CPU quota (rounded up, along the whole path to the root) and the affinity mask.
  int max_procs = 0;
  // Address space of one stack, a power of two from 32 KiB; default 256 KiB (x4 under sanitizers).
  size_t stack_bytes = 0;
  StackGuard stack_guard = StackGuard::automatic;
  // Goroutines alive at once; default 4,000,000 (mprotect: what vm.max_map_count allows).
  size_t goroutines_max = 0;
  // Threads, hogs and blocked calls included; default 10,000 as in Go.
  int threads_max = 0;
  // What the process should have resident at most: a soft limit, as GOMEMLIMIT (memory.h).
  // SLUICE_MEMLIMIT ("512MiB", "off"). Besides, 90 % of its cgroup's memory limit, and of the
  // limits on the path to the root, is one. UINT64_MAX: neither is.
  uint64_t memory_limit_bytes = 0;
  // How much idle memory pools and stack caches may hold for longer than a second, in percent of
  // what is in use; SLUICE_POOLGC (1 to 10000, "off"), default 100. UINT32_MAX: any.
  uint32_t pool_gc_percent = 0;
  // Called with a goroutine's uncaught exception instead of ending the process.
  void (*on_panic)(std::exception_ptr) = nullptr;
  // When every goroutine waits for another one, no timer is armed, nobody waits for a descriptor,
  // and every thread of the process sleeps in the runtime, the process ends as a Go program does:
  // "fatal error: all goroutines are asleep - deadlock!", every stack, abort(). It is noticed
  // within a second, and never where any other thread exists, which might wake somebody: so not
  // under run(), which watches for signals.
  bool fatal_deadlock = true;
};

// The scheduler: at most one per process at a time, may be started and stopped repeatedly.
// block_on() may be called from any thread that is no goroutine, also several at once.
// The destructor stops the scheduling threads. Goroutines still alive are abandoned: they never run
// again, their stacks are not unwound, their memory is not reused.
class Runtime {
 public:
  // Bad options or environment end the process with an error that names the setting.
  explicit Runtime(RuntimeOptions options = {});
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  // Runs `fn` on a new goroutine and waits for it. Returns what it returns; what it throws is
  // thrown here.
  template <class F>
  std::invoke_result_t<F&> block_on(F&& fn) {
    using Value = std::invoke_result_t<F&>;
    std::exception_ptr failure;
    if constexpr (std::is_void_v<Value>) {
      run_and_wait([&] { catching(failure, [&] { fn(); }); });
      if (failure) std::rethrow_exception(failure);
    } else {
      std::optional<Value> value;
      run_and_wait([&] { catching(failure, [&] { value.emplace(fn()); }); });
      if (failure) std::rethrow_exception(failure);
      return std::move(*value);
    }
  }

  // The number of processors chosen.
  static int max_procs();

 private:
  template <class Body>
  static void catching(std::exception_ptr& failure, Body body) {
    try {
      body();
    } catch (...) {
      failure = std::current_exception();
    }
  }
  template <class Body>
  void run_and_wait(Body body) {
    void* waiter = begin_wait();
    go([&body, waiter] {
      body();
      end_wait(waiter);
    });
    wait(waiter);
  }
  static void* begin_wait();
  static void wait(void* waiter);
  static void end_wait(void* waiter);
};

}  // namespace sluice
