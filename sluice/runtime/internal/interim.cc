// SPDX-License-Identifier: Apache-2.0

// Thread-backed implementation of the seam, until the scheduler lands.

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "sluice/base/assert.h"
#include "sluice/runtime/epoch.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/park.h"
#include "sluice/runtime/proc_local.h"
#include "sluice/runtime/runtime.h"
#include "sluice/runtime/spin_lock.h"
#include "sluice/runtime/timer.h"

namespace sluice::runtime {

struct G {
  std::atomic<uint32_t> permit{0};
  uint64_t id = 0;
  const internal::ClosureType* type = nullptr;
  void* storage = nullptr;
};

namespace {
thread_local G* tls_g = nullptr;
std::atomic<size_t> live{0};
std::atomic<uint64_t> ids{0};

struct Timers {
  std::mutex mutex;
  std::condition_variable changed;
  struct Armed {
    Timer* timer;
    Timer::Callback callback;
    void* arg;
    uint64_t seq;
  };
  std::multimap<uint64_t, Armed> armed;
};
Timers& timers() {
  static Timers* instance = [] {
    auto* timers = new Timers;
    std::thread([timers] {
      std::unique_lock lock(timers->mutex);
      for (;;) {
        uint64_t at = uint64_t(now().time_since_epoch().count());
        if (timers->armed.empty()) {
          timers->changed.wait(lock);
        } else if (auto first = timers->armed.begin(); first->first <= at) {
          auto armed = first->second;
          timers->armed.erase(first);
          lock.unlock();
          armed.callback(armed.arg, armed.seq);
          lock.lock();
        } else {
          timers->changed.wait_for(lock, std::chrono::nanoseconds(first->first - at));
        }
      }
    }).detach();
    return timers;
  }();
  return *instance;
}
std::mutex pin_mutex;
}  // namespace

void SpinLock::lock_slow() {
  while (word_.exchange(1, std::memory_order_acquire) != 0) std::this_thread::yield();
}

std::string_view name(WaitReason) { return "waiting"; }

G* current() {
  if (tls_g == nullptr) tls_g = new G;
  return tls_g;
}

void park(WaitReason) {
  G* g = current();
  while (g->permit.exchange(0, std::memory_order_acquire) == 0)
    ::syscall(SYS_futex, &g->permit, FUTEX_WAIT_PRIVATE, 0, nullptr, nullptr, 0);
}

void ready(G* g) {
  g->permit.store(1, std::memory_order_release);
  ::syscall(SYS_futex, &g->permit, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

Timer::~Timer() = default;

void Timer::start(Instant when, Callback callback, void* arg, uint64_t seq) {
  std::lock_guard lock(timers().mutex);
  when_ = uint64_t(when.time_since_epoch().count());
  timers().armed.insert({when_, {this, callback, arg, seq}});
  timers().changed.notify_one();
}

bool Timer::stop() {
  std::lock_guard lock(timers().mutex);
  auto [first, last] = timers().armed.equal_range(when_);
  for (; first != last; ++first)
    if (first->second.timer == this) {
      timers().armed.erase(first);
      return true;
    }
  return false;
}

int pin_slots() { return 1; }
int pin() {
  pin_mutex.lock();
  return 0;
}
void unpin() { pin_mutex.unlock(); }
void retire(void* object, void (*free)(void*)) {
  std::lock_guard lock(pin_mutex);
  free(object);
}

namespace internal {

Spawn spawn_begin(const ClosureType& type, const void*) {
  G* g = new G;
  g->id = ++ids;
  g->type = &type;
  g->storage = ::operator new(type.size, std::align_val_t(type.align));
  ++live;
  return {g, g->storage};
}
void spawn_commit(G* g) {
  std::thread([g] {
    tls_g = g;
    g->type->run(g->storage);
    --live;
  }).detach();
}
void spawn_abort(G*) { --live; }
Error spawn_error() { return Error(Code::resource_exhausted, "go: no thread"); }
void die_of_spawn_error() { fatal("go: no thread"); }
void BlockingRegion::enter() {}
void BlockingRegion::leave() {}

}  // namespace internal
}  // namespace sluice::runtime

namespace sluice {

void yield() { std::this_thread::yield(); }
void sleep_for(Duration duration) { std::this_thread::sleep_for(duration); }
void sleep_until(Instant when) { sleep_for(when - now()); }
size_t num_goroutines() { return runtime::live.load(); }
uint64_t goroutine_id() { return runtime::current()->id; }
void set_goroutine_name(std::string_view) {}

Runtime::Runtime(RuntimeOptions) {}
Runtime::~Runtime() = default;
int Runtime::max_procs() { return 2; }
void* Runtime::begin_wait() { return runtime::current(); }
void Runtime::wait(void*) { runtime::park(runtime::WaitReason::group); }
void Runtime::end_wait(void* waiter) { runtime::ready(static_cast<runtime::G*>(waiter)); }

}  // namespace sluice
