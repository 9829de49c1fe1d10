// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/governor.h"

#include <linux/futex.h>
#include <malloc.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <utility>
#include <vector>

#include "sluice/base/assert.h"
#include "sluice/runtime/goroutines.h"
#include "sluice/runtime/internal/listeners.h"
#include "sluice/runtime/internal/memory_limit.h"
#include "sluice/runtime/internal/memory_meter.h"
#include "sluice/runtime/internal/monotonic.h"
#include "sluice/runtime/internal/pools.h"
#include "sluice/runtime/internal/pressure_gauge.h"
#include "sluice/runtime/internal/quiet_thread.h"
#include "sluice/runtime/internal/scheduler.h"
#include "sluice/runtime/internal/stack_pool.h"

namespace sluice::runtime {

namespace {

constexpr uint64_t ms = 1'000'000;
constexpr uint64_t trim_period = 1000 * ms;
constexpr uint64_t idle_period = 1000 * ms;
constexpr uint64_t drain_gap_moderate = 1000 * ms;
constexpr uint64_t drain_gap_critical = 100 * ms;
// Draining has one part of so many of a CPU.
constexpr uint64_t drain_share = 20;
// Limits can be changed while a process runs (docker update, a pod that is resized in place).
constexpr uint64_t bounds_period = 10'000 * ms;
// From the last one while busy on: what was in use then is seen idle by the second and goes by the
// third.
constexpr int idle_trims = 3;

struct Figures {
  std::atomic<uint64_t> times[3];  // that a level was entered from below
  std::atomic<uint64_t> looks{0};
  std::atomic<uint64_t> drains{0};
  std::atomic<uint64_t> drain_ns{0};
  std::atomic<uint64_t> stacks_drained{0};
  std::atomic<uint64_t> stacks_trimmed{0};
  std::atomic<uint64_t> requests_shed{0};
};
Figures figures;

void add(std::atomic<uint64_t>& counter, uint64_t n) {
  counter.fetch_add(n, std::memory_order_relaxed);
}

// The meter of the running Runtime, which the governor changes and others read.
struct Meter {
  std::mutex mutex;
  std::vector<MemoryBound> bounds;
  MemoryMeter meter{{}};
};
Meter& shared_meter() {
  static Meter* instance = new Meter;  // for ever: asked for at any time
  return *instance;
}

// Sees what is used, and publishes what that means.
class Watcher {
 public:
  explicit Watcher(uint64_t wished) : wished_(wished) { find_bounds(monotonic_ns()); }

  bool has_limit() const { return has_limit_; }

  // Returns whether the level has changed.
  bool look() {
    uint64_t now = monotonic_ns();
    if (now >= next_bounds_) find_bounds(now);
    MemoryReading reading;
    {
      Meter& shared = shared_meter();
      std::lock_guard lock(shared.mutex);
      reading = shared.meter.read(false);
    }
    add(figures.looks, 1);
    MemoryPressure before = gauge_.level();
    MemoryPressure level = gauge_.update(reading, now);
    for (int i = static_cast<int>(before) + 1; i <= static_cast<int>(level); ++i)
      add(figures.times[i], 1);
    internal::memory_pressure.store(level, std::memory_order_relaxed);
    return level != before;
  }

  uint64_t until_next_ns(bool busy) const {
    bool often = busy || gauge_.level() != MemoryPressure::none;
    return often ? gauge_.next_look_ns() : idle_period;
  }

 private:
  void find_bounds(uint64_t now) {
    next_bounds_ = now + bounds_period;
    std::vector<MemoryBound> bounds = memory_bounds(wished_, cgroup_folders("memory"));
    has_limit_ = !bounds.empty();
    Meter& shared = shared_meter();
    std::lock_guard lock(shared.mutex);
    if (bounds == shared.bounds) return;
    shared.meter = MemoryMeter(bounds);
    shared.bounds = std::move(bounds);
  }

  const uint64_t wished_;
  bool has_limit_ = false;
  PressureGauge gauge_;
  uint64_t next_bounds_ = 0;
};

// Has memory given back.
class Keeper {
 public:
  explicit Keeper(uint32_t idle_percent) : idle_percent_(idle_percent) {}

  // Does what is due. Returns for how long there is nothing to do; UINT64_MAX: until woken.
  uint64_t round(MemoryPressure level, bool busy) {
    uint64_t now = monotonic_ns();
    if (level == MemoryPressure::none)
      give_back_idle(now, busy);
    else if (level > told_ || now >= next_drain_)
      drain(level);
    else if (level < told_)
      tell_listeners({level, idle_percent_});
    told_ = level;
    return until_next_ns(busy);
  }

 private:
  bool trims() const { return idle_percent_ != MemoryNotice::unlimited; }

  void drain(MemoryPressure level) {
    uint64_t begin = monotonic_ns();
    tell_listeners({level, idle_percent_});
    if (level == MemoryPressure::critical) give_back_cached_stacks();
    add(figures.stacks_drained, stack_pool->drain());
#ifdef __GLIBC__
    ::malloc_trim(0);
#endif
    uint64_t took = monotonic_ns() - begin;
    add(figures.drains, 1);
    add(figures.drain_ns, took);
    uint64_t gap = level == MemoryPressure::critical ? drain_gap_critical : drain_gap_moderate;
    next_drain_ = begin + std::max(gap, drain_share * took);
  }

  void give_back_idle(uint64_t now, bool busy) {
    bool over = told_ != MemoryPressure::none;  // they are told so at once
    if (busy || over) trims_since_busy_ = 0;
    if (!over && (!trims() || now < next_trim_ || trims_since_busy_ == idle_trims)) return;
    ++trims_since_busy_;
    next_trim_ = now + trim_period;
    tell_listeners({MemoryPressure::none, idle_percent_});
    if (trims()) add(figures.stacks_trimmed, stack_pool->trim(idle_percent_));
  }

  uint64_t until_next_ns(bool busy) const {
    uint64_t next = next_drain_;
    if (told_ == MemoryPressure::none) {
      if (!trims() || (!busy && trims_since_busy_ == idle_trims)) return UINT64_MAX;
      next = next_trim_;
    }
    uint64_t now = monotonic_ns();
    return next > now ? next - now : 0;
  }

  const uint32_t idle_percent_;
  MemoryPressure told_ = MemoryPressure::none;  // to the listeners
  int trims_since_busy_ = 0;
  uint64_t next_drain_ = 0;
  uint64_t next_trim_ = 0;
};

// A thread that does something, sleeps for as long as that says, or until it is woken, and so on.
class Rounds {
 public:
  // `round()` -> nanoseconds, UINT64_MAX for ever.
  void start(uint64_t (*round)()) {
    round_ = round;
    stopping_.store(false, std::memory_order_seq_cst);
    auto body = [](void* self) -> void* {
      static_cast<Rounds*>(self)->run();
      return nullptr;
    };
    int error = create_quiet_thread(&thread_, body, this);
    SLUICE_ASSERT(error == 0, "cannot create a thread of the memory governor");
  }

  void stop() {
    if (round_ == nullptr) return;
    stopping_.store(true, std::memory_order_seq_cst);
    wake();
    ::pthread_join(thread_, nullptr);
    round_ = nullptr;
  }

  void wake() {
    wakes_.fetch_add(1, std::memory_order_seq_cst);
    ::syscall(SYS_futex, &wakes_, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
  }

 private:
  void run() {
    wakes_nobody();
    for (;;) {
      // Before the round, which asks for what the waker has changed.
      uint32_t seen = wakes_.load(std::memory_order_seq_cst);
      if (stopping_.load(std::memory_order_seq_cst)) return;
      uint64_t ns = round_();
      timespec timeout{static_cast<time_t>(ns / (1000 * ms)), static_cast<long>(ns % (1000 * ms))};
      ::syscall(SYS_futex, &wakes_, FUTEX_WAIT_PRIVATE, seen, ns == UINT64_MAX ? nullptr : &timeout,
                nullptr, 0);
    }
  }

  pthread_t thread_{};
  uint64_t (*round_)() = nullptr;
  std::atomic<bool> stopping_{false};
  std::atomic<uint32_t> wakes_{0};
};

Watcher* watcher = nullptr;
Keeper* keeper = nullptr;
constinit Rounds watching;
constinit Rounds keeping;

uint64_t watch() {
  bool busy = !sysmon_sleeps();
  if (watcher->look()) keeping.wake();
  return watcher->until_next_ns(busy);
}

uint64_t keep() { return keeper->round(memory_pressure(), !sysmon_sleeps()); }

}  // namespace

void start_governor(const RuntimeOptions& options) {
  watcher = new Watcher(options.memory_limit_bytes);
  keeper = new Keeper(options.pool_gc_percent);
  bool has_limit = watcher->has_limit();
  if (has_limit) {
    watcher->look();
    watching.start(watch);
  }
  if (has_limit || options.pool_gc_percent != MemoryNotice::unlimited) keeping.start(keep);
}

void stop_governor() {
  watching.stop();
  keeping.stop();
  delete std::exchange(watcher, nullptr);
  delete std::exchange(keeper, nullptr);
  internal::memory_pressure.store(MemoryPressure::none, std::memory_order_relaxed);
  Meter& shared = shared_meter();
  std::lock_guard lock(shared.mutex);
  shared.bounds.clear();
  shared.meter = MemoryMeter({});
}

void wake_governor() {
  watching.wake();
  keeping.wake();
}

}  // namespace sluice::runtime

namespace sluice {

using runtime::figures;

void count_shed_request() { runtime::add(figures.requests_shed, 1); }

MemoryStats memory_stats() {
  MemoryStats stats;
  runtime::MemoryReading reading;
  {
    runtime::Meter& shared = runtime::shared_meter();
    std::lock_guard lock(shared.mutex);
    reading = shared.meter.read(true);
  }
  stats.limit_bytes = reading.limit_bytes;
  stats.used_bytes = reading.limit_bytes != 0 ? reading.used_bytes : runtime::resident_bytes();
  stats.pressure = memory_pressure();
  auto count = [](const std::atomic<uint64_t>& c) { return c.load(std::memory_order_relaxed); };
  stats.times_moderate = count(figures.times[static_cast<int>(MemoryPressure::moderate)]);
  stats.times_critical = count(figures.times[static_cast<int>(MemoryPressure::critical)]);
  stats.looks = count(figures.looks);
  stats.drains = count(figures.drains);
  stats.drain_time = Duration(static_cast<int64_t>(count(figures.drain_ns)));
  stats.stacks_drained = count(figures.stacks_drained);
  stats.stacks_trimmed = count(figures.stacks_trimmed);
  stats.requests_shed = count(figures.requests_shed);
  return stats;
}

}  // namespace sluice
