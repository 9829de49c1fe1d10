// SPDX-License-Identifier: Apache-2.0

// Scheduling threads: made when a P has nobody to run it, kept for ever after.

#include <cxxabi.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <mutex>
#include <new>

#include "sluice/base/assert.h"
#include "sluice/runtime/internal/panic.h"
#include "sluice/runtime/internal/sanitizer.h"
#include "sluice/runtime/internal/scheduler.h"

namespace sluice::runtime {

namespace {

[[maybe_unused]] void describe_own_stack(M* m) {
  pthread_attr_t attributes;
  void* bottom = nullptr;
  size_t bytes = 0;
  if (::pthread_getattr_np(::pthread_self(), &attributes) == 0) {
    ::pthread_attr_getstack(&attributes, &bottom, &bytes);
    ::pthread_attr_destroy(&attributes);
  }
  m->own_stack_bottom = bottom;
  m->own_stack_bytes = bytes;
}

void* thread_main(void* argument) {
  M* m = static_cast<M*>(argument);
  sluice_tls_m = m;
  m->tid.store(static_cast<int>(::syscall(SYS_gettid)), std::memory_order_relaxed);
  m->eh_globals = reinterpret_cast<void**>(abi::__cxa_get_globals());
  if constexpr (sanitizer::address) describe_own_stack(m);
  if constexpr (sanitizer::thread) m->own_sanitizer = sanitizer::this_fiber();
  install_signal_stack();
  region_enter_own(m);
  if (m->p.load(std::memory_order_acquire) == nullptr) region_leave(m);
  schedule_loop(m);
  if (m->inside()) region_leave(m);
  sluice_tls_m = nullptr;
  m->alive.store(false, std::memory_order_release);
  return nullptr;
}

}  // namespace

M* new_m() {
  M* m = new M;
  m->barred.store(1, std::memory_order_relaxed);
  std::lock_guard lock(sched.lock);
  if (sched.m_count >= static_cast<uint32_t>(sched.options.threads_max)) {
    delete m;
    return nullptr;
  }
  ++sched.m_count;
  m->alive.store(true, std::memory_order_relaxed);  // before it can be seen: shutdown waits for it
  m->all_next = sched.all_ms.load(std::memory_order_relaxed);
  sched.all_ms.store(m, std::memory_order_release);
  return m;
}

void launch_m(M* m) {
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstacksize(&attributes, size_t{256} << 10);
  ::pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_t thread;
  int error = ::pthread_create(&thread, &attributes, thread_main, m);
  ::pthread_attr_destroy(&attributes);
  if (error != 0)
    fatal("cannot create a scheduling thread: the system's thread limit is reached (ulimit -u)");
}

void sleep_m(M* m) {
  while (m->wake.load(std::memory_order_acquire) == 0)
    ::syscall(SYS_futex, &m->wake, FUTEX_WAIT_PRIVATE, 0, nullptr, nullptr, 0);
  m->wake.store(0, std::memory_order_relaxed);
}

void wake_m(M* m) {
  m->wake.store(1, std::memory_order_release);
  ::syscall(SYS_futex, &m->wake, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

}  // namespace sluice::runtime
