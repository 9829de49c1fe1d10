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
#include <vector>

#include "sluice/base/assert.h"
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

class Governor {
 public:
  explicit Governor(const RuntimeOptions& options)
      : wished_(options.memory_limit_bytes), pool_gc_percent_(options.pool_gc_percent) {
    find_bounds(monotonic_ns());
  }

  bool has_work() const {
    return wished_ != memory_unlimited || pool_gc_percent_ != MemoryNotice::unlimited;
  }

  // One look, without the consequences but the level.
  void look(uint64_t now) {
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
  }

  // Does what is due. Returns for how long there is nothing to do; UINT64_MAX: until woken.
  uint64_t round(bool busy) {
    uint64_t now = monotonic_ns();
    if (limited_ || now >= next_bounds_) look(now);
    MemoryPressure level = gauge_.level();
    if (level == MemoryPressure::none)
      give_back_idle(now, busy);
    else if (level > told_ || now >= next_drain_)
      drain(level);
    else if (level < told_)
      tell_listeners({level, pool_gc_percent_});
    told_ = level;
    return until_next(monotonic_ns(), busy);
  }

 private:
  void find_bounds(uint64_t now) {
    next_bounds_ = wished_ == memory_unlimited ? UINT64_MAX : now + bounds_period;
    if (wished_ == memory_unlimited) return;
    std::vector<MemoryBound> bounds = memory_bounds(wished_, cgroup_folders("memory"));
    limited_ = !bounds.empty();
    Meter& shared = shared_meter();
    std::lock_guard lock(shared.mutex);
    if (bounds == shared.bounds) return;
    shared.meter = MemoryMeter(bounds);
    shared.bounds = std::move(bounds);
  }

  void drain(MemoryPressure level) {
    uint64_t begin = monotonic_ns();
    tell_listeners({level, pool_gc_percent_});
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
    bool trims = pool_gc_percent_ != MemoryNotice::unlimited;
    if (busy || over) trims_since_busy_ = 0;
    if (!over && (!trims || now < next_trim_ || trims_since_busy_ == idle_trims)) return;
    ++trims_since_busy_;
    next_trim_ = now + trim_period;
    tell_listeners({MemoryPressure::none, pool_gc_percent_});
    if (trims) add(figures.stacks_trimmed, stack_pool->trim(pool_gc_percent_));
  }

  uint64_t until_next(uint64_t now, bool busy) const {
    uint64_t period = UINT64_MAX;
    auto until = [&](uint64_t when) { period = std::min(period, when > now ? when - now : 0); };
    bool pressed = gauge_.level() != MemoryPressure::none;
    if (limited_) until(now + (busy || pressed ? gauge_.next_look_ns() : idle_period));
    if (pressed) until(std::max(next_drain_, now + PressureGauge::period_min_ns));
    bool trims = pool_gc_percent_ != MemoryNotice::unlimited && !pressed;
    if (trims && (busy || trims_since_busy_ != idle_trims)) until(next_trim_);
    if (busy && next_bounds_ != UINT64_MAX) until(next_bounds_);
    return period;
  }

  const uint64_t wished_;
  const uint32_t pool_gc_percent_;
  bool limited_ = false;
  PressureGauge gauge_;
  MemoryPressure told_ = MemoryPressure::none;  // to the listeners
  int trims_since_busy_ = 0;
  uint64_t next_drain_ = 0;
  uint64_t next_trim_ = 0;
  uint64_t next_bounds_ = 0;
};

pthread_t thread;
Governor* governor = nullptr;
bool running = false;
std::atomic<bool> stopping{false};
std::atomic<uint32_t> wakes{0};

void wake() {
  wakes.fetch_add(1, std::memory_order_seq_cst);
  ::syscall(SYS_futex, &wakes, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

// Unless somebody woke it since `seen` was read.
void sleep_ns(uint32_t seen, uint64_t ns) {
  timespec timeout{static_cast<time_t>(ns / (1000 * ms)), static_cast<long>(ns % (1000 * ms))};
  ::syscall(SYS_futex, &wakes, FUTEX_WAIT_PRIVATE, seen, ns == UINT64_MAX ? nullptr : &timeout,
            nullptr, 0);
}

void* governor_main(void*) {
  for (;;) {
    uint32_t seen = wakes.load(std::memory_order_seq_cst);  // before it asks whether sysmon sleeps
    if (stopping.load(std::memory_order_seq_cst)) return nullptr;
    sleep_ns(seen, governor->round(!sysmon_sleeps()));
  }
}

}  // namespace

void start_governor(const RuntimeOptions& options) {
  governor = new Governor(options);
  running = governor->has_work();
  if (!running) return;
  governor->look(monotonic_ns());
  stopping.store(false, std::memory_order_seq_cst);
  int error = create_quiet_thread(&thread, governor_main);
  SLUICE_ASSERT(error == 0, "cannot create the memory governor's thread");
}

void stop_governor() {
  if (running) {
    stopping.store(true, std::memory_order_seq_cst);
    wake();
    ::pthread_join(thread, nullptr);
  }
  running = false;
  delete std::exchange(governor, nullptr);
  internal::memory_pressure.store(MemoryPressure::none, std::memory_order_relaxed);
  Meter& shared = shared_meter();
  std::lock_guard lock(shared.mutex);
  shared.bounds.clear();
  shared.meter = MemoryMeter({});
}

void wake_governor() { wake(); }

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
