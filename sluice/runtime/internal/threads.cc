// SPDX-License-Identifier: Apache-2.0

// Scheduling threads: made when a P has nobody to run it, kept until the Runtime ends. Their
// records serve the threads of the next one.

#include <cxxabi.h>
#include <linux/futex.h>
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <memory>
#include <mutex>

#include "sluice/base/assert.h"
#include "sluice/runtime/internal/cpu_sampler.h"
#include "sluice/runtime/internal/event_log.h"
#include "sluice/runtime/internal/panic.h"
#include "sluice/runtime/internal/sanitizer.h"
#include "sluice/runtime/internal/scheduler.h"

namespace sluice::runtime {

namespace {

void run(M* m) {
  sluice_tls_m = m;
  m->tid.store(static_cast<int>(::syscall(SYS_gettid)), std::memory_order_relaxed);
  m->eh_globals = reinterpret_cast<void**>(abi::__cxa_get_globals());
  m->own_frame = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  std::atomic_signal_fence(std::memory_order_release);  // reach.cc looks at any moment
  m->own_stack = own_thread_stack();
  if constexpr (sanitizer::thread) m->own_sanitizer = sanitizer::this_fiber();
  SignalStack signal_stack;
  sample_this_thread();
  region_enter_own(m);
  if (m->p.load(std::memory_order_acquire) == nullptr) region_leave(m);
  schedule_loop(m);
  if (m->inside()) region_leave(m);
  sluice_tls_m = nullptr;
}

// glibc keeps the stack for a thread to come, as it is: addresses of goroutines that ran would look
// like somebody's (reach.h).
[[gnu::noinline]] void wipe_own_frames() {
  char frames[12 << 10];
  ::explicit_bzero(frames, sizeof frames);
}

void* thread_main(void* argument) {
  M* m = static_cast<M*>(argument);
  run(m);
  wipe_own_frames();
  m->alive.store(false, std::memory_order_release);
  return nullptr;
}

// With sched.lock: the record of a thread that has ended, or null.
M* ended_m_locked() {
  for (M* m = sched.all_ms.load(std::memory_order_relaxed); m != nullptr; m = m->all_next)
    if (!m->alive.load(std::memory_order_acquire) && !m->abandoned.load()) return m;
  return nullptr;
}

// As new, for a thread that is still to come. `completed` goes on: who waits for the end of a
// region compares it (epoch.cc).
void renew(M* m) {
  m->barred.store(1, std::memory_order_relaxed);
  m->p.store(nullptr, std::memory_order_relaxed);
  m->region.store(0, std::memory_order_relaxed);
  m->nested = 0;
  m->p_index = 0;
  m->g = m->switched_from = m->next_hint = nullptr;
  m->spinning = false;
  m->dead_stack = {};
  m->dead_sanitizer = nullptr;
  m->wake.store(0, std::memory_order_relaxed);
  m->in_goroutine.store(false, std::memory_order_relaxed);
  m->tid.store(0, std::memory_order_relaxed);
  m->own_stack = {};
  m->own_frame = 0;
}

}  // namespace

StackBounds own_thread_stack() {
  pthread_attr_t attributes;
  if (::pthread_getattr_np(::pthread_self(), &attributes) != 0) return {};
  void* bottom = nullptr;
  size_t bytes = 0;
  ::pthread_attr_getstack(&attributes, &bottom, &bytes);
  ::pthread_attr_destroy(&attributes);
  uintptr_t low = reinterpret_cast<uintptr_t>(bottom);
  return {low, low + bytes};
}

M* new_m() {
  auto fresh = std::make_unique<M>();
  std::lock_guard lock(sched.lock);
  if (sched.m_count >= static_cast<uint32_t>(sched.options.threads_max)) return nullptr;
  ++sched.m_count;
  M* m = ended_m_locked();
  bool reused = m != nullptr;
  if (!reused) m = fresh.release();
  renew(m);
  m->alive.store(true, std::memory_order_relaxed);  // before it can be seen: shutdown waits for it
  if (reused) return m;
  m->all_next = sched.all_ms.load(std::memory_order_relaxed);
  if (m->all_next != nullptr) m->number = m->all_next->number + 1;
  sched.all_ms.store(m, std::memory_order_release);
  return m;
}

bool launch_m(M* m) {
  record_creation(m);
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstacksize(&attributes, size_t{256} << 10);
  ::pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_t thread;
  int error = ::pthread_create(&thread, &attributes, thread_main, m);
  ::pthread_attr_destroy(&attributes);
  return error == 0;
}

void discard_m(M* m) {
  std::lock_guard lock(sched.lock);
  if (--sched.m_count == 0)
    fatal("cannot create a scheduling thread: the system's thread limit is reached (ulimit -u)");
  sched.thread_refused.store(true, std::memory_order_seq_cst);
  m->alive.store(false, std::memory_order_release);
}

void sleep_m(M* m) {
  if (is_recording()) [[unlikely]]
    record({.kind = EventKind::thread_sleeps});
  while (m->wake.load(std::memory_order_acquire) == 0)
    ::syscall(SYS_futex, &m->wake, FUTEX_WAIT_PRIVATE, 0, nullptr, nullptr, 0);
  m->wake.store(0, std::memory_order_relaxed);
  if (is_recording()) [[unlikely]]
    record({.kind = EventKind::thread_woke});
}

void wake_m(M* m) {
  m->wake.store(1, std::memory_order_release);
  ::syscall(SYS_futex, &m->wake, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

}  // namespace sluice::runtime
