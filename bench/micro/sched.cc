// SPDX-License-Identifier: Apache-2.0

#include <array>
#include <atomic>
#include <chrono>
#include <numeric>

#include "bench/micro/harness.h"

namespace bench {
namespace {

using sluice::Channel;
using sluice::Unit;
using sluice::sync::WaitGroup;

Samples spawn() {
  constexpr int batch = 10'000;
  int64_t n = scaled(50);
  int64_t count = 0;
  Stopwatch watch;
  for (int64_t i = 0; i < n; ++i) {
    WaitGroup done;
    done.add(batch);
    for (int j = 0; j < batch; ++j) sluice::go([&done] { done.done(); });
    done.wait();
    count += batch;
  }
  Samples samples = watch.stop("spawn", n * batch);
  SLUICE_ASSERT(count == n * batch);
  return samples;
}

Samples yields(std::string_view name, int goroutines, int64_t each) {
  return parallel(name, goroutines, goroutines * each, [each](int) {
    for (int64_t i = 0; i < each; ++i) sluice::yield();
  });
}

void skynet_node(const Channel<int64_t>& out, int64_t first, int64_t size, size_t capacity) {
  if (size == 1) {
    out.send(first);
    return;
  }
  Channel<int64_t> in{capacity};
  int64_t part = size / 10;
  for (int64_t i = 0; i < 10; ++i) {
    sluice::go(
        [in, start = first + i * part, part, capacity] { skynet_node(in, start, part, capacity); });
  }
  int64_t sum = 0;
  for (int i = 0; i < 10; ++i) sum += *in.receive();
  out.send(sum);
}

Samples skynet(std::string_view name, int64_t leaves, size_t capacity) {
  int64_t rounds = std::max<int64_t>(1, scaled(1'000'000) / leaves);
  Stopwatch watch;
  for (int64_t i = 0; i < rounds; ++i) {
    Channel<int64_t> out;
    sluice::go([out, leaves, capacity] { skynet_node(out, 0, leaves, capacity); });
    SLUICE_ASSERT(*out.receive() == leaves * (leaves - 1) / 2);
  }
  return watch.stop(name, rounds * ((leaves * 10 - 1) / 9));
}

void skynet_sum(WaitGroup* done, int64_t* out, int64_t first, int64_t size) {
  if (size == 1) {
    *out = first;
    return done->done();
  }
  int64_t part = size / 10;
  std::array<int64_t, 10> sums;
  WaitGroup children;
  children.add(10);
  for (int64_t i = 0; i < 10; ++i) {
    sluice::go([done = &children, out = &sums[size_t(i)], start = first + i * part, part] {
      skynet_sum(done, out, start, part);
    });
  }
  children.wait();
  *out = std::accumulate(sums.begin(), sums.end(), int64_t{0});
  done->done();
}

Samples skynet_wait_group(std::string_view name, int64_t leaves) {
  int64_t rounds = std::max<int64_t>(1, scaled(1'000'000) / leaves);
  Stopwatch watch;
  for (int64_t i = 0; i < rounds; ++i) {
    WaitGroup done;
    int64_t sum = 0;
    done.add();
    sluice::go([&done, &sum, leaves] { skynet_sum(&done, &sum, 0, leaves); });
    done.wait();
    SLUICE_ASSERT(sum == leaves * (leaves - 1) / 2);
  }
  return watch.stop(name, rounds * ((leaves * 10 - 1) / 9));
}

Samples spawn_mem(std::string name, int64_t n) {
  Channel<Unit> gate;
  std::atomic<int64_t> parked{0};
  WaitGroup done;
  done.add(int32_t(n));
  int64_t before = resident_bytes();
  Stopwatch spawning;
  for (int64_t i = 0; i < n; ++i) {
    sluice::go([&] {
      parked.fetch_add(1, std::memory_order_relaxed);
      gate.receive();
      done.done();
    });
  }
  while (parked.load(std::memory_order_relaxed) != n) sluice::yield();
  Samples samples = spawning.stop(name, n);
  sluice::sleep_for(std::chrono::milliseconds(20));
  samples[0].bytes = double(resident_bytes() - before) / double(n);
  Stopwatch waking;
  gate.close();
  done.wait();
  samples.push_back(waking.stop(name + "_wake", n)[0]);
  return samples;
}

}  // namespace

void register_sched(Workloads& all) {
  all.push_back({"spawn", spawn});
  all.push_back({"yield_2", [] { return yields("yield_2", 2, scaled(2'000'000)); }});
  all.push_back({"yield_1000", [] { return yields("yield_1000", 1000, scaled(3'000)); }});
  all.push_back({"skynet", [] { return skynet("skynet", 1'000'000, 0); }});
  all.push_back({"skynet@buf10", [] { return skynet("skynet@buf10", 1'000'000, 10); }});
  all.push_back({"skynet@group", [] { return skynet_wait_group("skynet@group", 1'000'000); }});
  all.push_back({"skynet_100k", [] { return skynet("skynet_100k", 100'000, 0); }});
  all.push_back({"skynet_100k@buf10", [] { return skynet("skynet_100k@buf10", 100'000, 10); }});
  all.push_back(
      {"skynet_100k@group", [] { return skynet_wait_group("skynet_100k@group", 100'000); }});
  all.push_back({"spawn_mem_100k", [] { return spawn_mem("spawn_mem_100k", 100'000); }, true});
  all.push_back({"spawn_mem_1m", [] { return spawn_mem("spawn_mem_1m", 1'000'000); }, true});
}

}  // namespace bench
