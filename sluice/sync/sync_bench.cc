// SPDX-License-Identifier: Apache-2.0

#include <array>
#include <atomic>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include <benchmark/benchmark.h>

#include "sluice/heap/alloc_scope.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/runtime.h"
#include "sluice/sync/guarded.h"
#include "sluice/sync/map.h"
#include "sluice/sync/mutex.h"
#include "sluice/sync/once.h"
#include "sluice/sync/pool.h"
#include "sluice/sync/semaphore.h"
#include "sluice/sync/wait_group.h"

namespace sluice::sync {
namespace {

// Runs `fn(goroutine, iterations)` on `procs` goroutines at once, and reports the time per
// iteration of one of them; then the allocations, which are counted in a run of their own.
template <class F>
void on_goroutines(benchmark::State& state, int procs, F fn) {
  constexpr int batch = 100'000;
  Runtime runtime{{.max_procs = procs}};
  auto run_batch = [&] {
    WaitGroup group;
    for (int g = 0; g < procs; ++g) group.go([&fn, g] { fn(g, batch); });
    group.wait();
  };
  runtime.block_on([&] {
    while (state.KeepRunningBatch(batch)) run_batch();
  });
  heap::AllocScope allocs{heap::AllocScope::Of::process};
  runtime.block_on(run_batch);
  state.counters["allocs/op"] = double(allocs.objects()) / batch / procs;
}

void pool_get_and_put(benchmark::State& state) {
  Pool<std::array<char, 1024>> pool;
  on_goroutines(state, int(state.range(0)), [&](int, int n) {
    for (int i = 0; i < n; ++i) {
      auto buffer = pool.get();
      benchmark::DoNotOptimize((*buffer)[size_t(i) & 1023] = char(i));
    }
  });
}
BENCHMARK(pool_get_and_put)->Arg(1)->Arg(2)->MeasureProcessCPUTime();

void new_and_delete(benchmark::State& state) {
  on_goroutines(state, int(state.range(0)), [&](int, int n) {
    for (int i = 0; i < n; ++i) {
      auto buffer = std::make_unique<std::array<char, 1024>>();
      benchmark::DoNotOptimize((*buffer)[size_t(i) & 1023] = char(i));
    }
  });
}
BENCHMARK(new_and_delete)->Arg(1)->Arg(2)->MeasureProcessCPUTime();

void mutex_uncontended(benchmark::State& state) {
  Mutex mutex;
  for (auto _ : state) std::lock_guard lock(mutex);
}
BENCHMARK(mutex_uncontended);

void mutex_shared_by_goroutines(benchmark::State& state) {
  Mutex mutex;
  int64_t counter = 0;
  on_goroutines(state, int(state.range(0)), [&](int, int n) {
    for (int i = 0; i < n; ++i) {
      std::lock_guard lock(mutex);
      benchmark::DoNotOptimize(++counter);
    }
  });
}
BENCHMARK(mutex_shared_by_goroutines)->Arg(1)->Arg(2)->MeasureProcessCPUTime();

void rw_mutex_read(benchmark::State& state) {
  RWMutex mutex;
  on_goroutines(state, int(state.range(0)), [&](int, int n) {
    for (int i = 0; i < n; ++i) std::shared_lock lock(mutex);
  });
}
BENCHMARK(rw_mutex_read)->Arg(1)->Arg(2)->MeasureProcessCPUTime();

void semaphore_uncontended(benchmark::State& state) {
  Semaphore semaphore(4);
  Context context;
  for (auto _ : state) {
    benchmark::DoNotOptimize(semaphore.acquire(context).has_value());
    semaphore.release();
  }
}
BENCHMARK(semaphore_uncontended);

void once_done(benchmark::State& state) {
  Once once;
  for (auto _ : state) once.call([] {});
}
BENCHMARK(once_done);

struct XorShift {
  explicit XorShift(uint64_t seed) : state(seed * 0x9E3779B97F4A7C15 | 1) {}
  uint64_t next() {
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
  }
  uint64_t state;
};

// Random keys that are there; `writes` percent of the operations store.
template <class Load, class Store>
void mixed(benchmark::State& state, uint64_t keys, uint64_t writes, Load load, Store store) {
  on_goroutines(state, int(state.range(0)), [=](int g, int n) {
    XorShift random(uint64_t(g) + 1);
    for (int i = 0; i < n; ++i) {
      uint64_t x = random.next();
      uint64_t key = (x >> 20) % keys;
      if ((x & 0xfffff) % 100 < writes)
        store(key);
      else
        load(key);
    }
  });
}

void map_of_words(benchmark::State& state) {
  uint64_t keys = uint64_t(state.range(1));
  Map<uint64_t, uint64_t> map;
  for (uint64_t key = 0; key < keys; ++key) map.store(key, key);
  mixed(
      state, keys, uint64_t(state.range(2)),
      [&](uint64_t key) { benchmark::DoNotOptimize(map.load(key)); },
      [&](uint64_t key) { map.store(key, key); });
}
BENCHMARK(map_of_words)
    ->ArgsProduct({{1, 2}, {1000, 1'000'000}, {0, 1, 10}})
    ->MeasureProcessCPUTime();

void map_of_strings(benchmark::State& state) {
  uint64_t keys = uint64_t(state.range(1));
  std::vector<std::string> names;
  Map<std::string, uint64_t> map;
  for (uint64_t key = 0; key < keys; ++key) {
    names.push_back("key" + std::to_string(key));
    map.store(names.back(), key);
  }
  mixed(
      state, keys, uint64_t(state.range(2)),
      [&](uint64_t key) { benchmark::DoNotOptimize(map.load(names[key])); },
      [&](uint64_t key) { map.store(names[key], key); });
}
BENCHMARK(map_of_strings)->ArgsProduct({{1, 2}, {1000}, {0, 1, 10}})->MeasureProcessCPUTime();

void guarded_map(benchmark::State& state) {
  uint64_t keys = uint64_t(state.range(1));
  Guarded<std::unordered_map<uint64_t, uint64_t>> map;
  for (uint64_t key = 0; key < keys; ++key) map.lock()->emplace(key, key);
  mixed(
      state, keys, uint64_t(state.range(2)),
      [&](uint64_t key) { benchmark::DoNotOptimize(map.read()->find(key)->second); },
      [&](uint64_t key) { (*map.lock())[key] = key; });
}
BENCHMARK(guarded_map)
    ->ArgsProduct({{1, 2}, {1000, 1'000'000}, {0, 1, 10}})
    ->MeasureProcessCPUTime();

void plain_map(benchmark::State& state) {
  uint64_t keys = uint64_t(state.range(1));
  std::unordered_map<uint64_t, uint64_t> map;
  for (uint64_t key = 0; key < keys; ++key) map.emplace(key, key);
  mixed(
      state, keys, uint64_t(state.range(2)),
      [&](uint64_t key) { benchmark::DoNotOptimize(map.find(key)->second); },
      [&](uint64_t key) { map[key] = key; });
}
BENCHMARK(plain_map)->ArgsProduct({{1}, {1000, 1'000'000}, {0, 10}})->MeasureProcessCPUTime();

}  // namespace
}  // namespace sluice::sync
