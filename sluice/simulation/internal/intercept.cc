// SPDX-License-Identifier: Apache-2.0

// tidy: long-file: one list of replaced functions, and what they have in common

#include "sluice/simulation/internal/intercept.h"

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SLUICE_NOT_INTERCEPTED 1
#endif
#endif

#ifdef SLUICE_NOT_INTERCEPTED

namespace sluice::simulation::internal {
void need_interception() {}
}  // namespace sluice::simulation::internal

#else

#include <cxxabi.h>
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <span>

#include "sluice/base/random.h"
#include "sluice/base/time.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/park.h"
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

// Others may get in between before `caller`, which called a replaced function, takes a lock. Not
// before a library does: how often it locks depends on what it did in runs before.
void interleave_at(runtime::Simulation& simulation, const void* caller) {
  extern char begin[] asm("__executable_start"), end[] asm("etext");
  bool is_of_program = caller >= begin && caller < end;
  if (is_of_program && simulation.may_park()) simulation.interleave();
}

// What goroutines wait for that the C library knows by its address: one at a time runs, so that
// nothing here is locked. It is the run's, and forgotten with it.
class Waits {
 public:
  // Returns after wake(what), or for another reason: the caller looks again.
  void wait(const void* what, runtime::WaitReason reason) {
    runtime::Simulation* simulation = runtime::simulation();
    if (!simulation->may_park()) return simulation->wait_for_others();
    Node node{what, runtime::current(), nullptr};
    Node** end = &first_;
    while (*end != nullptr) end = &(*end)->next;
    *end = &node;
    runtime::park(reason);
  }
  void wake(const void* what) {
    // All at once: others get in between at each ready().
    Node* woken = nullptr;
    Node** last = &woken;
    for (Node** link = &first_; *link != nullptr;) {
      Node* node = *link;
      if (node->what != what) {
        link = &node->next;
        continue;
      }
      *link = node->next;
      node->next = nullptr;
      *last = node;
      last = &node->next;
    }
    while (woken != nullptr) {
      runtime::G* g = woken->g;
      woken = woken->next;  // the node is gone with its wait
      runtime::ready(g);
    }
  }
  void forget() { first_ = nullptr; }

 private:
  struct Node {
    const void* what;
    runtime::G* g;
    Node* next;
  };
  Node* first_ = nullptr;
};
Waits waits;

// Mutexes that know their owner know a thread; all goroutines are the same one.
struct Owner {
  uint64_t goroutine;
  uint32_t depth;
};
std::map<const void*, Owner> owners;
// Initializers that run: pthread_once_t and guards of static variables.
std::set<const void*> begun;

void forget_all() {
  waits.forget();
  owners.clear();
  begun.clear();
}

enum class MutexKind { plain, recursive, checked };
MutexKind kind_of(const pthread_mutex_t* mutex) {
  switch (mutex->__data.__kind & 3) {  // PTHREAD_MUTEX_KIND_MASK_NP
    case PTHREAD_MUTEX_RECURSIVE_NP:
      return MutexKind::recursive;
    case PTHREAD_MUTEX_ERRORCHECK_NP:
      return MutexKind::checked;
    default:
      return MutexKind::plain;
  }
}

// One attempt, of the goroutine that runs.
int try_lock(pthread_mutex_t* mutex) {
  static auto* const real = original<int(pthread_mutex_t*)>("pthread_mutex_trylock");
  MutexKind kind = kind_of(mutex);
  if (kind == MutexKind::plain) return real(mutex);
  if (auto held = owners.find(mutex); held != owners.end()) {
    if (held->second.goroutine != goroutine_id()) return EBUSY;
    if (kind == MutexKind::checked) return EDEADLK;
    ++held->second.depth;
    return 0;
  }
  int error = real(mutex);
  if (error == 0) owners[mutex] = {goroutine_id(), 1};
  return error;
}

// Until `until` of the simulated time; null: as long as it takes.
int lock(pthread_mutex_t* mutex, const Instant* until) {
  for (;;) {
    int error = try_lock(mutex);
    if (error != EBUSY) return error;
    if (until == nullptr) {
      waits.wait(mutex, runtime::WaitReason::mutex);
    } else {
      if (now() >= *until) return ETIMEDOUT;
      sleep_until(std::min(*until, now() + std::chrono::milliseconds(1)));
    }
  }
}

Instant instant_of(clockid_t clock, const timespec& time) {
  timespec present;
  if (!simulated_time(clock, &present)) return now();
  return now() + (from_timespec(time) - from_timespec(present));
}

// Runs `begin()` and says whether the caller is to initialize `what`; else it has been.
template <class IsDone>
bool begin_once(const void* what, IsDone is_done) {
  while (!is_done()) {
    if (begun.insert(what).second) return true;
    waits.wait(what, runtime::WaitReason::once);
  }
  return false;
}
void end_once(const void* what) {
  begun.erase(what);
  waits.wake(what);
}

bool is_begun(const void* what) { return begun.contains(what); }

bool is_set(abi::__guard* guard) {
  return std::atomic_ref(*reinterpret_cast<char*>(guard)).load() != 0;
}

}  // namespace

void need_interception() { forget_all(); }

}  // namespace sluice::simulation::internal

using sluice::simulation::internal::begin_once;
using sluice::simulation::internal::end_once;
using sluice::simulation::internal::from_timespec;
using sluice::simulation::internal::here;
using sluice::simulation::internal::instant_of;
using sluice::simulation::internal::interleave_at;
using sluice::simulation::internal::is_begun;
using sluice::simulation::internal::is_set;
using sluice::simulation::internal::kind_of;
using sluice::simulation::internal::lock;
using sluice::simulation::internal::MutexKind;
using sluice::simulation::internal::original;
using sluice::simulation::internal::owners;
using sluice::simulation::internal::simulated_time;
using sluice::simulation::internal::to_timespec;
using sluice::simulation::internal::try_lock;
using sluice::simulation::internal::waits;

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
    if (time->tv_sec < 0 || time->tv_nsec < 0 || time->tv_nsec >= 1'000'000'000) {
      errno = EINVAL;
      return -1;
    }
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
  if (here() != nullptr) {
    sluice::sleep_for(std::chrono::microseconds(microseconds));
    return 0;
  }
  static auto* const real = original<int(useconds_t)>("usleep");
  return real(microseconds);
}

unsigned sleep(unsigned seconds) {
  if (here() != nullptr) {
    sluice::sleep_for(std::chrono::seconds(seconds));
    return 0;
  }
  static auto* const real = original<unsigned(unsigned)>("sleep");
  return real(seconds);
}

int sched_yield() noexcept {
  if (here() != nullptr) {
    sluice::yield();
    return 0;
  }
  static auto* const real = original<int()>("sched_yield");
  return real();
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
  if (here() != nullptr && size <= 256) {
    sluice::fill_random(std::span(static_cast<std::byte*>(to), size));
    return 0;
  }
  static auto* const real = original<int(void*, size_t)>("getentropy");
  return real(to, size);
}

int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
  if (sluice::runtime::Simulation* simulation = here()) {
    interleave_at(*simulation, __builtin_return_address(0));
    return lock(mutex, nullptr);
  }
  static auto* const real = original<int(pthread_mutex_t*)>("pthread_mutex_lock");
  return real(mutex);
}

int pthread_mutex_trylock(pthread_mutex_t* mutex) noexcept {
  if (sluice::runtime::Simulation* simulation = here()) {
    interleave_at(*simulation, __builtin_return_address(0));
    int error = try_lock(mutex);
    return error == EDEADLK ? EBUSY : error;
  }
  static auto* const real = original<int(pthread_mutex_t*)>("pthread_mutex_trylock");
  return real(mutex);
}

int pthread_mutex_timedlock(pthread_mutex_t* mutex, const timespec* until) noexcept {
  if (here() != nullptr) {
    sluice::Instant deadline = instant_of(CLOCK_REALTIME, *until);
    return lock(mutex, &deadline);
  }
  static auto* const real =
      original<int(pthread_mutex_t*, const timespec*)>("pthread_mutex_timedlock");
  return real(mutex, until);
}

int pthread_mutex_clocklock(pthread_mutex_t* mutex, clockid_t clock,
                            const timespec* until) noexcept {
  if (here() != nullptr) {
    sluice::Instant deadline = instant_of(clock, *until);
    return lock(mutex, &deadline);
  }
  static auto* const real =
      original<int(pthread_mutex_t*, clockid_t, const timespec*)>("pthread_mutex_clocklock");
  return real(mutex, clock, until);
}

int pthread_mutex_unlock(pthread_mutex_t* mutex) noexcept {
  static auto* const real = original<int(pthread_mutex_t*)>("pthread_mutex_unlock");
  if (here() == nullptr) return real(mutex);
  if (kind_of(mutex) != MutexKind::plain) {
    auto held = owners.find(mutex);
    if (held != owners.end()) {
      if (held->second.goroutine != sluice::goroutine_id()) return EPERM;
      if (--held->second.depth != 0) return 0;
      owners.erase(held);
    }
  }
  int error = real(mutex);
  waits.wake(mutex);
  return error;
}

int pthread_rwlock_rdlock(pthread_rwlock_t* lock) noexcept {
  if (sluice::runtime::Simulation* simulation = here()) {
    interleave_at(*simulation, __builtin_return_address(0));
    for (;;) {
      int error = ::pthread_rwlock_tryrdlock(lock);
      if (error != EBUSY) return error;
      waits.wait(lock, sluice::runtime::WaitReason::rw_mutex_read);
    }
  }
  static auto* const real = original<int(pthread_rwlock_t*)>("pthread_rwlock_rdlock");
  return real(lock);
}

int pthread_rwlock_wrlock(pthread_rwlock_t* lock) noexcept {
  if (sluice::runtime::Simulation* simulation = here()) {
    interleave_at(*simulation, __builtin_return_address(0));
    for (;;) {
      int error = ::pthread_rwlock_trywrlock(lock);
      if (error != EBUSY) return error;
      waits.wait(lock, sluice::runtime::WaitReason::rw_mutex_write);
    }
  }
  static auto* const real = original<int(pthread_rwlock_t*)>("pthread_rwlock_wrlock");
  return real(lock);
}

int pthread_rwlock_unlock(pthread_rwlock_t* lock) noexcept {
  static auto* const real = original<int(pthread_rwlock_t*)>("pthread_rwlock_unlock");
  int error = real(lock);
  if (here() != nullptr) waits.wake(lock);
  return error;
}

// Its function may wait; the others wait for it.
int pthread_once(pthread_once_t* once, void (*initialize)()) {
  static auto* const real = original<int(pthread_once_t*, void (*)())>("pthread_once");
  if (here() == nullptr) return real(once, initialize);
  constexpr pthread_once_t done = 2;  // glibc's __PTHREAD_ONCE_DONE
  if (!begin_once(once, [once] { return std::atomic_ref(*once).load() == done; })) return 0;
  struct End {
    pthread_once_t* once;
    ~End() { end_once(once); }
  } end{once};
  return real(once, initialize);
}

int system(const char* command) {
  if (sluice::runtime::Simulation* simulation = here()) simulation->refuse("a process is started");
  static auto* const real = original<int(const char*)>("system");
  return real(command);
}

int posix_spawn(pid_t* pid, const char* path, const posix_spawn_file_actions_t* actions,
                const posix_spawnattr_t* attributes, char* const arguments[],
                char* const environment[]) {
  if (sluice::runtime::Simulation* simulation = here()) simulation->refuse("a process is started");
  static auto* const real =
      original<int(pid_t*, const char*, const posix_spawn_file_actions_t*, const posix_spawnattr_t*,
                   char* const*, char* const*)>("posix_spawn");
  return real(pid, path, actions, attributes, arguments, environment);
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

namespace __cxxabiv1 {
extern "C" {

// A static variable's initializer, likewise. Source: the Itanium C++ ABI, 3.3.3. Without static
// variables of their own.
int __cxa_guard_acquire(abi::__guard* guard) {
  if (here() != nullptr) return begin_once(guard, [guard] { return is_set(guard); });
  return original<int(abi::__guard*)>("__cxa_guard_acquire")(guard);
}

void __cxa_guard_release(abi::__guard* guard) noexcept {
  if (here() == nullptr || !is_begun(guard))
    return original<void(abi::__guard*)>("__cxa_guard_release")(guard);
  std::atomic_ref(*reinterpret_cast<char*>(guard)).store(1);
  end_once(guard);
}

void __cxa_guard_abort(abi::__guard* guard) noexcept {
  if (here() == nullptr || !is_begun(guard))
    return original<void(abi::__guard*)>("__cxa_guard_abort")(guard);
  end_once(guard);
}

}  // extern "C"
}  // namespace __cxxabiv1

#endif
