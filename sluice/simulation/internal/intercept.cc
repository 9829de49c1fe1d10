// SPDX-License-Identifier: Apache-2.0

#include "sluice/simulation/internal/intercept.h"

namespace sluice::simulation::internal {
void need_interception() {}
}  // namespace sluice::simulation::internal

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SLUICE_NOT_INTERCEPTED 1
#endif
#endif

#ifndef SLUICE_NOT_INTERCEPTED

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cstddef>
#include <span>

#include "sluice/base/random.h"
#include "sluice/base/time.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/simulation.h"

namespace sluice::simulation::internal {
namespace {

// The one that this file replaces.
template <class F>
F* original(const char* name) {
  return reinterpret_cast<F*>(::dlsym(RTLD_NEXT, name));
}

// The simulation, for its goroutines; null for everybody else, its own scheduler included.
runtime::Simulation* here() {
  runtime::Simulation* current = runtime::simulation();
  return current != nullptr && current->is_at_a_goroutine() ? current : nullptr;
}

timespec to_timespec(std::chrono::nanoseconds time) {
  return {static_cast<time_t>(time.count() / 1'000'000'000),
          static_cast<long>(time.count() % 1'000'000'000)};
}
Duration from_timespec(const timespec& time) {
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

// Of the clocks that go by themselves. False: another one, such as the CPU's.
bool simulated_time(clockid_t clock, timespec* time) {
  switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
      *time = to_timespec(std::chrono::duration_cast<Duration>(wall().time_since_epoch()));
      return true;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
      *time = to_timespec(now().time_since_epoch());
      return true;
    default:
      return false;
  }
}

}  // namespace
}  // namespace sluice::simulation::internal

using sluice::simulation::internal::from_timespec;
using sluice::simulation::internal::here;
using sluice::simulation::internal::original;
using sluice::simulation::internal::simulated_time;
using sluice::simulation::internal::to_timespec;

extern "C" {

int clock_gettime(clockid_t clock, timespec* time) noexcept {
  if (here() != nullptr && simulated_time(clock, time)) return 0;
  static auto* const real = original<int(clockid_t, timespec*)>("clock_gettime");
  return real(clock, time);
}

int gettimeofday(timeval* time, void* zone) noexcept {
  if (timespec simulated; here() != nullptr && simulated_time(CLOCK_REALTIME, &simulated)) {
    *time = {simulated.tv_sec, simulated.tv_nsec / 1000};
    return 0;
  }
  static auto* const real = original<int(timeval*, void*)>("gettimeofday");
  return real(time, zone);
}

time_t time(time_t* out) noexcept {
  timespec simulated;
  if (here() != nullptr && simulated_time(CLOCK_REALTIME, &simulated)) {
    if (out != nullptr) *out = simulated.tv_sec;
    return simulated.tv_sec;
  }
  static auto* const real = original<time_t(time_t*)>("time");
  return real(out);
}

int nanosleep(const timespec* time, timespec* left) {
  if (here() != nullptr) {
    sluice::sleep_for(from_timespec(*time));
    return 0;
  }
  static auto* const real = original<int(const timespec*, timespec*)>("nanosleep");
  return real(time, left);
}

int clock_nanosleep(clockid_t clock, int flags, const timespec* time, timespec* left) {
  if (timespec simulated; here() != nullptr && simulated_time(clock, &simulated)) {
    sluice::Duration duration = from_timespec(*time);
    if ((flags & TIMER_ABSTIME) != 0) duration -= from_timespec(simulated);
    sluice::sleep_for(duration);
    return 0;
  }
  static auto* const real =
      original<int(clockid_t, int, const timespec*, timespec*)>("clock_nanosleep");
  return real(clock, flags, time, left);
}

int usleep(useconds_t microseconds) {
  timespec time = to_timespec(std::chrono::microseconds(microseconds));
  return nanosleep(&time, nullptr);
}

unsigned sleep(unsigned seconds) {
  timespec time = to_timespec(std::chrono::seconds(seconds));
  return nanosleep(&time, nullptr) == 0 ? 0 : seconds;
}

ssize_t getrandom(void* to, size_t size, unsigned flags) {
  if (here() != nullptr) {
    sluice::fill_random(std::span(static_cast<std::byte*>(to), size));
    return static_cast<ssize_t>(size);
  }
  static auto* const real = original<ssize_t(void*, size_t, unsigned)>("getrandom");
  return real(to, size, flags);
}

int getentropy(void* to, size_t size) {
  return getrandom(to, size, 0) == static_cast<ssize_t>(size) ? 0 : -1;
}

int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
  if (sluice::runtime::Simulation* simulation = here()) {
    for (;;) {
      int error = ::pthread_mutex_trylock(mutex);
      if (error != EBUSY) return error;
      simulation->wait_for_others();
    }
  }
  static auto* const real = original<int(pthread_mutex_t*)>("pthread_mutex_lock");
  return real(mutex);
}

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*),
                   void* argument) noexcept {
  if (sluice::runtime::Simulation* simulation = here()) simulation->refuse("a thread is started");
  static auto* const real =
      original<int(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*)>("pthread_create");
  return real(thread, attributes, run, argument);
}

int pthread_cond_wait(pthread_cond_t* condition, pthread_mutex_t* mutex) {
  if (sluice::runtime::Simulation* simulation = here())
    simulation->refuse("a thread's condition variable is waited for");
  static auto* const real = original<int(pthread_cond_t*, pthread_mutex_t*)>("pthread_cond_wait");
  return real(condition, mutex);
}

int pthread_cond_timedwait(pthread_cond_t* condition, pthread_mutex_t* mutex,
                           const timespec* until) {
  if (sluice::runtime::Simulation* simulation = here())
    simulation->refuse("a thread's condition variable is waited for");
  static auto* const real =
      original<int(pthread_cond_t*, pthread_mutex_t*, const timespec*)>("pthread_cond_timedwait");
  return real(condition, mutex, until);
}

int pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t clock,
                           const timespec* until) {
  if (sluice::runtime::Simulation* simulation = here())
    simulation->refuse("a thread's condition variable is waited for");
  static auto* const real =
      original<int(pthread_cond_t*, pthread_mutex_t*, clockid_t, const timespec*)>(
          "pthread_cond_clockwait");
  return real(condition, mutex, clock, until);
}

int socket(int domain, int type, int protocol) noexcept {
  if (sluice::runtime::Simulation* simulation = here())
    simulation->refuse(
        "a socket of the system is made (install a net::SimulatedNetwork for sluice's)");
  static auto* const real = original<int(int, int, int)>("socket");
  return real(domain, type, protocol);
}

pid_t fork() noexcept {
  if (sluice::runtime::Simulation* simulation = here()) simulation->refuse("the process forks");
  static auto* const real = original<pid_t()>("fork");
  return real();
}

}  // extern "C"

#endif
